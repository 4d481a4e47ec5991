//! Each volume of a node lies in a directory of its own: none twice, and none inside of another, where what one clears or
//! counts would be the other's.

use super::usage::UsageError;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Refuses directories of which one is another, or lies in it, also by way of links. Those that are not there yet are made first.
pub fn check(volumes: &[PathBuf]) -> Result<(), UsageError> {
    let places: Vec<PathBuf> = volumes.iter().map(|volume| place(volume)).collect();
    for (number, inner) in places.iter().enumerate() {
        let outer = places.iter().enumerate().find(|(other, outer)| *other != number && inner.starts_with(outer));
        if let Some((other, _)) = outer {
            return Err(UsageError::VolumeInVolume { inner: volumes[number].clone(), outer: volumes[other].clone() });
        }
    }
    Ok(())
}

/// Where the directory really lies. What of its path does not exist yet has no links in it.
fn place(volume: &Path) -> PathBuf {
    let absolute = std::path::absolute(volume).unwrap_or_else(|_| volume.to_owned());
    let resolve = |known: &Path| -> io::Result<PathBuf> {
        let missing = absolute.strip_prefix(known).unwrap_or(Path::new(""));
        Ok(fs::canonicalize(known)?.join(missing))
    };
    absolute.ancestors().find_map(|known| resolve(known).ok()).unwrap_or_else(|| absolute.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_twice_or_inside_of_another_is_refused_by_whatever_name() {
        let parent = tempfile::tempdir().unwrap();
        let at = |name: &str| parent.path().join(name);
        fs::create_dir(at("a")).unwrap();
        std::os::unix::fs::symlink(at("a"), at("link")).unwrap();
        for (first, second) in
            [("a", "a"), ("a", "a/b"), ("a/b/c", "a"), ("new", "new/x"), ("link", "a"), ("link/x", "a")]
        {
            let refused = check(&[at("other"), at(first), at(second)]).unwrap_err();
            assert!(matches!(refused, UsageError::VolumeInVolume { .. }), "{first} {second}");
        }
        check(&[at("a"), at("ab"), at("b")]).unwrap();
        check(&[]).unwrap();
    }
}

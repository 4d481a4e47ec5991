//! Directories that are still there after a power cut: the name of a new one is durable only when its parent was synced.

use std::{
    fs::{DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::Path,
};

/// Makes the directory and its parents where they are missing, readable by the owner alone. The names of all that it made are
/// durable when it returns.
pub fn make_durable_directory(path: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = path.ancestors().take_while(|one| !one.as_os_str().is_empty() && !one.exists()).collect();
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    for made in missing {
        let parent = made.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(parent)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_directory_is_made_with_its_parents_for_the_owner_alone_and_made_again_stays() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/b/c");
        make_durable_directory(&path).unwrap();
        std::fs::write(path.join("kept"), "x").unwrap();
        make_durable_directory(&path).unwrap();
        assert!(path.join("kept").exists());
        for made in [&path, &parent.path().join("a")] {
            assert_eq!(made.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        }
    }

    #[test]
    fn a_file_in_the_way_is_an_error() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("file");
        std::fs::write(&path, "x").unwrap();
        assert!(make_durable_directory(&path).is_err());
        assert!(make_durable_directory(&path.join("below")).is_err());
    }
}

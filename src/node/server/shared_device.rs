//! Volumes of one node on one file system have its room together. Each measures all of it, so what they say is shared out
//! before it is told: whoever adds up the node's volumes gets what there is.

use crate::{types::VolumeStatus, volume::DeviceRoom};

/// `rooms` are those of the file systems, in the order of the volumes; of volumes behind them nothing is known.
pub fn share_out(volumes: &mut [VolumeStatus], rooms: &[DeviceRoom]) {
    let measured: Vec<(u64, u64)> = volumes.iter().map(|volume| (volume.capacity, volume.free)).collect();
    for ((volume, own), room) in volumes.iter_mut().zip(&measured).zip(rooms) {
        let neighbours = measured.iter().zip(rooms).filter(|(_, other)| other.device == room.device);
        let neighbours: Vec<(u64, u64)> = neighbours.map(|(measured, _)| *measured).collect();
        volume.capacity = share(own.0, neighbours.iter().map(|(capacity, _)| *capacity), room.total);
        volume.free = share(own.1, neighbours.iter().map(|(_, free)| *free), room.free);
    }
}

/// One's part of `whole`, where all together claim more than that. What one alone can have is there in any case: `whole`
/// leaves out what its open segments still take.
fn share(own: u64, all: impl Iterator<Item = u64> + Clone, whole: u64) -> u64 {
    let (sum, most) = (all.clone().map(u128::from).sum::<u128>(), all.max().unwrap_or(0));
    let whole = u128::from(whole.max(most));
    if sum <= whole {
        return own;
    }
    u64::try_from(u128::from(own) * whole / sum).unwrap_or(own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{VolumeId, VolumeState};

    fn volume(capacity: u64, free: u64) -> VolumeStatus {
        VolumeStatus { capacity, free, ..VolumeStatus::empty(VolumeId::from_bytes([1; 16])) }
    }

    fn room(device: &str, total: u64, free: u64) -> DeviceRoom {
        DeviceRoom { device: device.to_owned(), total, free }
    }

    fn shared(mut volumes: Vec<VolumeStatus>, rooms: &[DeviceRoom]) -> Vec<(u64, u64)> {
        share_out(&mut volumes, rooms);
        volumes.iter().map(|volume| (volume.capacity, volume.free)).collect()
    }

    /// Two volumes on a disk of 252 GiB made a node of 504.
    #[test]
    fn volumes_on_one_disk_have_its_room_once_and_others_their_own() {
        let (a, b) = (room("a", 1000, 600), room("b", 50, 20));
        assert_eq!(shared(vec![volume(1000, 600)], std::slice::from_ref(&a)), [(1000, 600)]);
        assert_eq!(
            shared(vec![volume(1000, 600), volume(50, 20), volume(1000, 600)], &[a.clone(), b.clone(), a.clone()]),
            [(500, 300), (50, 20), (500, 300)]
        );
        // Limits that the disk has room for stay as they are set.
        let limited = vec![volume(300, 250), volume(400, 100)];
        assert_eq!(shared(limited, &[a.clone(), a.clone()]), [(300, 250), (400, 100)]);
        let too_high = vec![volume(900, 500), volume(300, 100)];
        assert_eq!(shared(too_high, &[a.clone(), a.clone()]), [(750, 500), (250, 100)]);
        let lost = VolumeStatus::lost(VolumeState::Full);
        assert_eq!(shared(vec![volume(1000, 600), lost], &[a]), [(1000, 600), (0, 0)]);
        assert_eq!(shared(vec![volume(0, 0), volume(0, 0)], &[b.clone(), b]), [(0, 0), (0, 0)]);
    }
}

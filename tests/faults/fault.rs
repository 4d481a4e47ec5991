//! What can go wrong, and how each kind is drawn from a seed.

use crate::{
    fleet::{Ground, Topology},
    party::Party,
    wire::{Link, Weather},
    wounds::Wound,
};
use larder::runtime::{Random, SeededRandom};
use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// SIGKILL of these; started again in this order.
    Kill(Vec<Party>),
    /// SIGSTOP, and SIGCONT at the end.
    Pause(Party),
    /// Killed or stopped and back again, so many times, with this long for each state.
    Flap { party: Party, how: Flapping, times: u32, each: Duration },
    /// Bad weather on these links, each from one party to another.
    Storm { links: Vec<Link>, weather: Weather },
    /// Wall clocks jump by so many seconds, and back at the end.
    ClocksJump(Vec<(Party, i64)>),
    /// The node's process is killed and comes back with an emptied disk, its identity gone.
    Wipe(u32),
    /// Two at once, all that RF = 3 allows. It is promised for what has all of its copies, so it happens before the load.
    WipeBoth([u32; 2]),
    /// As `Wipe`, but the identity is still there.
    LoseSegments(u32),
    /// The node's directory is put back from an image that is older by so much, made while the node was off: what it has
    /// acknowledged since is gone, what was deleted since is there again.
    PutBack { node: u32, age: Duration },
    /// The front's process is killed and its metadata is gone, of a gateway all that it has; it makes them anew of what nodes keep.
    LoseMetadata,
    /// The front's process is killed, and so many bytes at the end of its database's log are gone. It goes on, or says that it must
    /// not: then the metadata is made anew as above.
    CutLog { bytes: u64 },
    /// Files of a node are damaged.
    Wound { node: u32, wound: Wound, at: WoundAt, seed: u64 },
    /// Every disk loses what was not synced, every process ends; they start in this order.
    PowerCut(Vec<Party>),
    /// The disk of one process fails every call, and has lost what was not synced when the process starts again.
    DiskFails(Party),
    /// These disks have no byte left, until the end.
    DisksFull(Vec<Party>),
    /// Syncs of these processes fail, and nothing else; what was not synced is gone at the end where they have disks of their own.
    SyncsFail(Vec<Party>),
}

impl Fault {
    /// `Kill`, `Pause`, ...
    pub fn name(&self) -> String {
        format!("{self:?}").chars().take_while(char::is_ascii_alphabetic).collect()
    }

    /// Whether it may only hit what has all of its copies.
    pub fn comes_before_load(&self) -> bool {
        matches!(self, Self::WipeBoth(_))
    }

    /// Whether it may leave damage that nobody has met: it would stay on the account.
    pub fn leaves_hidden_damage(&self) -> bool {
        matches!(self, Self::Wound { .. })
    }

    /// Whether it is about how long service stops, so that it has to last longer than that may.
    pub fn is_about_service(&self) -> bool {
        matches!(self, Self::Pause(_) | Self::Storm { weather: Weather::HalfOpen | Weather::Late(_), .. })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WoundAt {
    Rest,
    Work,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flapping {
    Killed,
    Stopped,
    Unreachable,
}

/// Draws a fault of one kind.
pub type Kind = fn(&Dice) -> Fault;

/// What every topology can suffer.
const EVERYWHERE: [Kind; 11] = [
    Dice::kill_front,
    Dice::kill_all,
    Dice::jump_clocks,
    Dice::wipe,
    Dice::wipe_both,
    Dice::lose_segments,
    Dice::put_back,
    Dice::flip_bits,
    Dice::fail_front_syncs,
    Dice::lose_metadata,
    Dice::cut_log,
];
/// What needs nodes of their own.
const AMONG_PROCESSES: [Kind; 13] = [
    Dice::kill_node,
    Dice::kill_two_nodes,
    Dice::kill_node_and_front,
    Dice::pause_node,
    Dice::flap,
    Dice::part_front_and_node,
    Dice::part_one_way,
    Dice::part_nodes,
    Dice::isolate_node,
    Dice::lose_heartbeats,
    Dice::slow_node,
    Dice::damage_files,
    Dice::fail_node_syncs,
];
/// What needs disks of their own.
const ON_SMALL_DISKS: [Kind; 9] = [
    Dice::cut_power,
    Dice::cut_power,
    Dice::fail_front_disk,
    Dice::fill_front_disk,
    Dice::fill_all_disks,
    Dice::kill_all,
    Dice::fail_front_syncs,
    Dice::lose_metadata,
    Dice::cut_log,
];
const ON_SMALL_DISKS_OF_NODES: [Kind; 5] = [
    Dice::fail_node_disk,
    Dice::fill_node_disk,
    Dice::fill_all_node_disks,
    Dice::fail_node_syncs,
    Dice::fail_all_node_syncs,
];

pub fn kinds(topology: Topology, ground: Ground) -> Vec<Kind> {
    let (always, among_processes): (&[Kind], &[Kind]) = match ground {
        Ground::Directories => (&EVERYWHERE, &AMONG_PROCESSES),
        Ground::SmallDisks => (&ON_SMALL_DISKS, &ON_SMALL_DISKS_OF_NODES),
    };
    match topology {
        Topology::Server(_) => always.to_vec(),
        Topology::Processes(_) => [always, among_processes].concat(),
    }
}

pub struct Dice {
    pub random: SeededRandom,
    pub topology: Topology,
}

impl Dice {
    pub fn shuffle<T>(&self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            items.swap(end, self.random.below(end as u64 + 1) as usize);
        }
    }

    pub fn millis(&self, range: std::ops::Range<u64>) -> Duration {
        Duration::from_millis(range.start + self.random.below(range.end - range.start))
    }

    fn one_of<T: Copy>(&self, choices: &[T]) -> T {
        choices[self.random.below(choices.len() as u64) as usize]
    }

    fn node(&self) -> u32 {
        1 + self.random.below(u64::from(self.topology.nodes())) as u32
    }

    fn two_numbers(&self) -> [u32; 2] {
        let mut numbers: Vec<u32> = (1..=self.topology.nodes()).collect();
        self.shuffle(&mut numbers);
        [numbers[0], numbers[1]]
    }

    fn two_nodes(&self) -> [Party; 2] {
        self.two_numbers().map(Party::Node)
    }

    fn kill_front(&self) -> Fault {
        Fault::Kill(vec![Party::Front])
    }

    fn kill_node(&self) -> Fault {
        Fault::Kill(vec![Party::Node(self.node())])
    }

    fn kill_two_nodes(&self) -> Fault {
        Fault::Kill(self.two_nodes().to_vec())
    }

    fn kill_node_and_front(&self) -> Fault {
        let mut parties = vec![Party::Front, Party::Node(self.node())];
        self.shuffle(&mut parties);
        Fault::Kill(parties)
    }

    fn kill_all(&self) -> Fault {
        Fault::Kill(self.all_parties())
    }

    /// In any order.
    fn all_parties(&self) -> Vec<Party> {
        let mut parties = vec![Party::Front];
        if let Topology::Processes(nodes) = self.topology {
            parties.extend((1..=nodes).map(Party::Node));
        }
        self.shuffle(&mut parties);
        parties
    }

    fn pause_node(&self) -> Fault {
        Fault::Pause(Party::Node(self.node()))
    }

    fn flap(&self) -> Fault {
        let how = self.one_of(&[Flapping::Killed, Flapping::Stopped, Flapping::Unreachable]);
        let times = 3 + self.random.below(4) as u32;
        Fault::Flap { party: Party::Node(self.node()), how, times, each: self.millis(100..800) }
    }

    fn part_front_and_node(&self) -> Fault {
        let (node, weather) = (Party::Node(self.node()), self.parted());
        Fault::Storm { links: both_ways(Party::Front, node), weather }
    }

    fn part_one_way(&self) -> Fault {
        let weather = self.one_of(&[Weather::RequestsHeld, Weather::AnswersHeld]);
        Fault::Storm { links: vec![(Party::Front, Party::Node(self.node()))], weather }
    }

    fn part_nodes(&self) -> Fault {
        let [one, other] = self.two_nodes();
        Fault::Storm { links: both_ways(one, other), weather: self.parted() }
    }

    fn isolate_node(&self) -> Fault {
        Fault::Storm { links: self.all_links_of(self.node()), weather: self.parted() }
    }

    fn lose_heartbeats(&self) -> Fault {
        Fault::Storm { links: vec![(Party::Node(self.node()), Party::Front)], weather: self.parted() }
    }

    fn slow_node(&self) -> Fault {
        let weather = Weather::Late(Duration::from_millis(300));
        Fault::Storm { links: self.all_links_of(self.node()), weather }
    }

    /// Of the front by less than clients' signatures may be off (15 minutes), of nodes by up to a year.
    fn jump_clocks(&self) -> Fault {
        let jumps = self.all_parties().into_iter().map(|party| {
            let furthest = if party == Party::Front { 10 * 60 } else { 365 * 24 * 60 * 60 };
            (party, self.random.below(2 * furthest) as i64 - furthest as i64)
        });
        Fault::ClocksJump(jumps.collect())
    }

    fn lose_metadata(&self) -> Fault {
        Fault::LoseMetadata
    }

    /// A piece of what was committed last, or anything up to all of it.
    fn cut_log(&self) -> Fault {
        Fault::CutLog { bytes: 1 << self.random.below(24) }
    }

    fn wipe(&self) -> Fault {
        Fault::Wipe(self.node())
    }

    fn wipe_both(&self) -> Fault {
        Fault::WipeBoth(self.two_numbers())
    }

    fn lose_segments(&self) -> Fault {
        Fault::LoseSegments(self.node())
    }

    fn put_back(&self) -> Fault {
        Fault::PutBack { node: self.node(), age: self.millis(500..3000) }
    }

    fn flip_bits(&self) -> Fault {
        let wound = Wound::FlippedBits(1 + self.random.below(2000) as u32);
        Fault::Wound {
            node: self.node(),
            wound,
            at: self.one_of(&[WoundAt::Rest, WoundAt::Work]),
            seed: self.random.next_u64(),
        }
    }

    fn damage_files(&self) -> Fault {
        let wound = self.one_of(&[Wound::CutSegment, Wound::GoneSegment, Wound::CutHints]);
        Fault::Wound {
            node: self.node(),
            wound,
            at: self.one_of(&[WoundAt::Rest, WoundAt::Work]),
            seed: self.random.next_u64(),
        }
    }

    fn cut_power(&self) -> Fault {
        Fault::PowerCut(self.all_parties())
    }

    fn fail_front_disk(&self) -> Fault {
        Fault::DiskFails(Party::Front)
    }

    fn fail_node_disk(&self) -> Fault {
        Fault::DiskFails(Party::Node(self.node()))
    }

    fn fill_front_disk(&self) -> Fault {
        Fault::DisksFull(vec![Party::Front])
    }

    fn fill_node_disk(&self) -> Fault {
        Fault::DisksFull(vec![Party::Node(self.node())])
    }

    fn fill_all_node_disks(&self) -> Fault {
        Fault::DisksFull((1..=self.topology.nodes()).map(Party::Node).collect())
    }

    fn fill_all_disks(&self) -> Fault {
        Fault::DisksFull(self.all_parties())
    }

    fn fail_front_syncs(&self) -> Fault {
        Fault::SyncsFail(vec![Party::Front])
    }

    fn fail_node_syncs(&self) -> Fault {
        Fault::SyncsFail(vec![Party::Node(self.node())])
    }

    fn fail_all_node_syncs(&self) -> Fault {
        Fault::SyncsFail((1..=self.topology.nodes()).map(Party::Node).collect())
    }

    fn parted(&self) -> Weather {
        self.one_of(&[Weather::Refused, Weather::Silent, Weather::HalfOpen])
    }

    fn all_links_of(&self, number: u32) -> Vec<Link> {
        let others = (1..=self.topology.nodes()).filter(|other| *other != number).map(Party::Node);
        std::iter::once(Party::Front).chain(others).flat_map(|other| both_ways(other, Party::Node(number))).collect()
    }
}

pub fn both_ways(one: Party, other: Party) -> Vec<Link> {
    vec![(one, other), (other, one)]
}

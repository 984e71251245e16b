//! In what state is the store, and what brings it back? Opening takes the lock, replays what the tables lack, and
//! rebuilds them from snapshot and journal when they are damaged or gone. Nothing acknowledged is lost on the way.

mod state;

pub use state::State;

use std::fmt;
use std::path::{Path, PathBuf};

use self::state::Left;
use super::StoreFault;
use super::backend::Change;
use super::backup::restore;
use super::disk::{Lock, make_folder, move_aside};
use super::journal::{End, Files, Journal, Manner, Piece, Recovery, SEGMENT_LIMIT, Tip};
use super::keyfile::KeyFile;
use super::rows::{SCHEMA, UNSEALED};
use super::sled::{OnDisk, Tables};
use super::txn::Row;
use super::upgrade;
use crate::inventory::master_key::MasterKey;

/// How many rows or changes are written at once while rebuilding.
const BATCH: usize = 1_000;

/// What opening found and did.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Opening {
    /// Everything was in order.
    AsItWas,
    /// There was no store; now there is an empty one.
    Fresh,
    /// The journal had lost changes that the tables have; it was begun anew with a snapshot of them.
    JournalBegunAnew {
        /// The last change the journal had.
        journal: u64,
        /// The last change the tables have.
        tables: u64,
    },
    /// The tables lay behind: so many changes were in the journal alone.
    Replayed(u64),
    /// The tables were damaged or gone, and were made again.
    Rebuilt(RebuildReport),
    /// It was of an earlier schema and is of the present one now, with every secret sealed.
    Upgraded,
}

/// What rebuilding did.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RebuildReport {
    /// Where the damaged tables are now; `None`: there were none.
    pub aside: Option<PathBuf>,
    /// Where a damaged journal is now; `None`: it was in order.
    pub journal_aside: Option<PathBuf>,
    /// Damaged snapshots that were passed over.
    pub passed_over: Vec<PathBuf>,
    /// The change of the snapshot it began with; `None`: it began with an empty store.
    pub snapshot: Option<u64>,
    /// How many changes came from the journal after that.
    pub changes: u64,
    /// The last change the store has now.
    pub revision: u64,
}

/// The parts of a data folder.
struct Layout {
    data_dir: PathBuf,
    tables: PathBuf,
    journal: PathBuf,
    state: State,
    segment_limit: u64,
}

/// Opens what is in a data folder, or makes it.
pub fn open(data_dir: &Path, master: &MasterKey, segment_limit: u64) -> Result<(OnDisk, Opening), StoreFault> {
    let lock = Lock::take(data_dir)?;
    restore::finish(data_dir)?;
    let layout = Layout::of(data_dir, segment_limit);
    let key_file = layout.keys(master)?;
    upgrade::finish(data_dir)?;
    let (tables, journal, opening) = layout.open()?;
    let (tables, journal, opening) = if tables.schema() < SCHEMA {
        drop(journal);
        upgrade::run(data_dir, tables, key_file.ring(), segment_limit)?;
        let (tables, journal, _) = layout.open()?;
        (tables, journal, Opening::Upgraded)
    } else {
        (tables, journal, opening)
    };
    layout.state.note(Left::Open);
    Ok((OnDisk::new(tables, journal, key_file, layout.state, lock), opening))
}

/// Whether there is no store in a folder, and nothing of one.
pub fn is_empty(data_dir: &Path) -> Result<bool, StoreFault> {
    let layout = Layout::of(data_dir, SEGMENT_LIMIT);
    let under_way = upgrade::is_under_way(data_dir) || restore::is_under_way(data_dir);
    let nothing = !layout.tables.exists() && !KeyFile::exists(data_dir) && !under_way;
    Ok(nothing && Files::list(&layout.journal)?.is_empty())
}

/// Seals the data keys under another master key. Needs the folder for itself; done already counts as done.
pub fn change_master_key(data_dir: &Path, old: &MasterKey, new: &MasterKey) -> Result<(), StoreFault> {
    let _lock = Lock::take(data_dir)?;
    restore::finish(data_dir)?;
    match KeyFile::open(data_dir, old) {
        Err(StoreFault::WrongKey { wanted, .. }) if wanted == new.fingerprint() => {
            KeyFile::open(data_dir, new)?.reseal(new)
        }
        Err(fault) => Err(fault),
        Ok(mut file) => file.reseal(new),
    }
}

/// Makes the tables of a data folder again, from snapshot and journal; or, where the journal is damaged and the
/// tables are not, the journal from the tables. Needs the folder for itself.
pub fn rebuild(data_dir: &Path, master: &MasterKey) -> Result<RebuildReport, StoreFault> {
    let lock = Lock::take(data_dir)?;
    restore::finish(data_dir)?;
    let layout = Layout::of(data_dir, SEGMENT_LIMIT);
    let key_file = layout.keys(master)?;
    upgrade::finish(data_dir)?;
    let files = Files::list(&layout.journal)?;
    files.check_schema()?;
    let (tables, journal, report) = match files.recovery() {
        Ok(recovery) => layout.rebuild(&files, &recovery)?,
        Err(StoreFault::Corrupt(why)) => layout.rebuild_journal(&files, why)?,
        Err(fault) => return Err(fault),
    };
    // What is of an earlier schema becomes one of this at the next start.
    drop(OnDisk::new(tables, journal, key_file, layout.state, lock));
    Ok(report)
}

impl Layout {
    fn of(data_dir: &Path, segment_limit: u64) -> Layout {
        Layout {
            data_dir: data_dir.to_owned(),
            tables: data_dir.join("sled"),
            journal: data_dir.join("journal"),
            state: State::beside(data_dir),
            segment_limit,
        }
    }

    /// The data keys. Looked for before anything else is touched; only a store without sealed secrets gets new ones.
    fn keys(&self, master: &MasterKey) -> Result<KeyFile, StoreFault> {
        if KeyFile::exists(&self.data_dir) {
            return KeyFile::open(&self.data_dir, master);
        }
        let files = Files::list(&self.journal)?;
        let schema = match files.schema() {
            None if self.tables.exists() => Tables::open(&self.tables)?.head()?.map(|head| head.schema),
            schema => schema,
        };
        match schema {
            Some(schema) if schema > UNSEALED => Err(StoreFault::KeysLost(self.data_dir.display().to_string())),
            _ => KeyFile::make(&self.data_dir, master),
        }
    }

    fn manner(&self, schema: u32) -> Manner {
        Manner { limit: self.segment_limit, schema }
    }

    fn open(&self) -> Result<(Tables, Journal, Opening), StoreFault> {
        let files = Files::list(&self.journal)?;
        files.check_schema()?;
        let left = self.state.left();
        if self.tables.exists() {
            self.open_tables(&files, left)
        } else if files.is_empty() {
            self.fresh(Tables::make(&self.tables, SCHEMA)?)
        } else {
            self.rebuilt(&files)
        }
    }

    fn fresh(&self, tables: Tables) -> Result<(Tables, Journal, Opening), StoreFault> {
        make_folder(&self.journal)?;
        let journal = Journal::begin(&self.journal, 0, self.manner(tables.schema()))?;
        tables.set_head(0)?;
        Ok((tables, journal, Opening::Fresh))
    }

    fn open_tables(&self, files: &Files, left: Left) -> Result<(Tables, Journal, Opening), StoreFault> {
        if matches!(left, Left::Damaged | Left::OpeningAgain) {
            return self.rebuilt(files);
        }
        self.state.note(if left == Left::Opening { Left::OpeningAgain } else { Left::Opening });
        match self.catch_up(files, left) {
            Err(StoreFault::Corrupt(why)) => {
                // Whether it is the tables or the journal shows when the journal is read as a whole.
                tracing::error!(%why, "the store's tables are damaged");
                self.rebuilt(files)
            }
            opened => opened,
        }
    }

    /// Opens the tables and gives them what only the journal has.
    fn catch_up(&self, files: &Files, left: Left) -> Result<(Tables, Journal, Opening), StoreFault> {
        let tables = Tables::open(&self.tables)?;
        let Some(head) = tables.head()? else {
            return if tables.is_empty() && files.is_empty() {
                self.fresh(tables)
            } else {
                Err(StoreFault::Corrupt("the tables do not say which change was their last".to_owned()))
            };
        };
        if head.schema > SCHEMA {
            return Err(StoreFault::Schema { found: head.schema, known: SCHEMA });
        }
        if left != Left::Closed {
            tables.check()?;
        }
        let known = head.sequence;
        let tip = if files.is_empty() { None } else { Some(files.replay(known, |_| Ok(()))?) };
        match tip {
            Some(Some(tip)) if tip.found.last >= known => self.replay(tables, files, known, &tip),
            Some(Some(Tip { found, .. })) => self.begin_anew(tables, found.last, known),
            Some(None) if files.goes_beyond(known) => {
                Err(StoreFault::Corrupt(format!("the journal begins after change {known}, the last the tables have")))
            }
            None | Some(None) => self.begin_anew(tables, 0, known),
        }
    }

    fn replay(
        &self,
        tables: Tables,
        files: &Files,
        known: u64,
        tip: &Tip,
    ) -> Result<(Tables, Journal, Opening), StoreFault> {
        let behind = tip.found.last.saturating_sub(known);
        // A bad last line after what the tables have was never acknowledged; after what they lack, nobody knows.
        if tip.found.end == End::Bad && behind > 0 {
            return Err(StoreFault::Corrupt(format!("{} has a bad last line", tip.path.display())));
        }
        let mut batches = Batches::new(&tables);
        files.replay(known, |change| batches.add(Piece::Change(change)))?;
        batches.write()?;
        tables.flush()?;
        let journal = Journal::resume(&self.journal, &tip.path, tip.found.length, self.manner(tables.schema()))?;
        let opening = if behind == 0 { Opening::AsItWas } else { Opening::Replayed(behind) };
        Ok((tables, journal, opening))
    }

    /// Begins the journal anew with a snapshot of tables that are ahead of it.
    fn begin_anew(&self, tables: Tables, journal: u64, known: u64) -> Result<(Tables, Journal, Opening), StoreFault> {
        // Only tables that are sound throughout may become the base of everything.
        tables.check()?;
        make_folder(&self.journal)?;
        let anew = Journal::anew(&self.journal, known, self.manner(tables.schema()), |after| tables.page(after))?;
        Ok((tables, anew, Opening::JournalBegunAnew { journal, tables: known }))
    }

    fn rebuilt(&self, files: &Files) -> Result<(Tables, Journal, Opening), StoreFault> {
        let (tables, journal, report) = self.rebuild(files, &files.recovery()?)?;
        Ok((tables, journal, Opening::Rebuilt(report)))
    }

    fn rebuild(&self, files: &Files, recovery: &Recovery) -> Result<(Tables, Journal, RebuildReport), StoreFault> {
        Tables::wait_until_closed(&self.tables)?;
        let aside = if self.tables.exists() { Some(move_aside(&self.tables)?) } else { None };
        let tables = Tables::make(&self.tables, files.schema().unwrap_or(SCHEMA))?;
        let mut batches = Batches::new(&tables);
        recovery.read(|piece| batches.add(piece))?;
        batches.write()?;
        // Until this note, tables that were cut short say nothing of themselves, and are made again.
        tables.set_head(recovery.last)?;
        let Tip { path, found } = &recovery.tip;
        let journal = Journal::resume(&self.journal, path, found.length, self.manner(tables.schema()))?;
        let report = RebuildReport {
            aside,
            journal_aside: None,
            passed_over: recovery.passed_over.clone(),
            snapshot: recovery.snapshot.as_ref().map(|(sequence, _)| *sequence),
            changes: recovery.changes(),
            revision: recovery.last,
        };
        Ok((tables, journal, report))
    }

    /// Begins the journal anew when it is damaged and the tables have everything it ever named.
    fn rebuild_journal(&self, files: &Files, why: String) -> Result<(Tables, Journal, RebuildReport), StoreFault> {
        let sound = |tables: Tables| -> Result<Option<(Tables, u64)>, StoreFault> {
            tables.check()?;
            Ok(tables.head()?.map(|head| (tables, head.sequence)))
        };
        let found = if self.tables.exists() { Tables::open(&self.tables).and_then(sound) } else { Ok(None) };
        let Ok(Some((tables, known))) = found else { return Err(StoreFault::Corrupt(why)) };
        if known < files.highest()? {
            return Err(StoreFault::Corrupt(why));
        }
        let journal_aside = if self.journal.exists() { Some(move_aside(&self.journal)?) } else { None };
        make_folder(&self.journal)?;
        let journal = Journal::anew(&self.journal, known, self.manner(tables.schema()), |after| tables.page(after))?;
        let report = RebuildReport {
            aside: None,
            journal_aside,
            passed_over: Vec::new(),
            snapshot: Some(known),
            changes: 0,
            revision: known,
        };
        Ok((tables, journal, report))
    }
}

/// Rows and changes on their way into the tables, in order, many at once.
pub struct Batches<'a> {
    tables: &'a Tables,
    rows: Vec<Row>,
    changes: Vec<Change>,
}

impl<'a> Batches<'a> {
    /// Into these tables.
    pub fn new(tables: &'a Tables) -> Batches<'a> {
        Batches { tables, rows: Vec::new(), changes: Vec::new() }
    }

    /// Takes one more.
    pub fn add(&mut self, piece: Piece) -> Result<(), StoreFault> {
        match piece {
            Piece::Change(change) => self.changes.push(change),
            Piece::Row(row) => self.rows.push(row),
        }
        if self.rows.len().max(self.changes.len()) >= BATCH { self.write() } else { Ok(()) }
    }

    /// Writes those that wait.
    pub fn write(&mut self) -> Result<(), StoreFault> {
        self.tables.load(std::mem::take(&mut self.rows))?;
        self.tables.apply(&std::mem::take(&mut self.changes))
    }
}

impl fmt::Display for RebuildReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for path in &self.passed_over {
            write!(f, "snapshot {} is damaged and was passed over; ", path.display())?;
        }
        if let Some(path) = &self.aside {
            write!(f, "the former tables are kept as {}; ", path.display())?;
        }
        if let Some(path) = &self.journal_aside {
            let path = path.display();
            return write!(f, "the damaged journal is kept as {path} and begun anew with revision {}", self.revision);
        }
        match self.snapshot {
            Some(snapshot) => write!(f, "rebuilt from the snapshot of revision {snapshot} ")?,
            None => write!(f, "rebuilt from nothing ")?,
        }
        write!(f, "and {} changes after it, up to revision {}; events are not kept", self.changes, self.revision)
    }
}

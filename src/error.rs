//! What can go wrong, with the numbers that matter. The wording is in `words/errors.rs`, found by the variant's name.

use wire::Report;

use crate::words;

pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! errors {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty),* $(,)? })*) => {
        /// A field called `cause` is what a library said; `hint` fields and empty fields drop the hint that needs them.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Error { $($(#[$doc])* $name { $($field: $type),* }),* }

        impl Error {
            /// All variants, for the test that each has wording.
            pub const NAMES: &'static [(&'static str, &'static [&'static str])] =
                &[$((stringify!($name), &[$(stringify!($field)),*])),*];

            pub fn name(&self) -> &'static str {
                match self { $(Self::$name { .. } => stringify!($name)),* }
            }

            fn fields(&self) -> Vec<(&'static str, String)> {
                match self { $(Self::$name { $($field),* } => vec![$((stringify!($field), $field.to_string())),*]),* }
            }
        }
    };
}

errors! {
    // Cells and magics
    UnknownMagic { given: String, nearest: String }
    UnknownOption { magic: String, given: String, nearest: String }
    BadValue { option: String, given: String, allowed: String }
    MissingArgument { magic: String, argument: String }
    Usage { magic: String, cause: String }
    NoRust {}
    NoToolchain { cause: String }
    RustCompile { problem: String, cause: String }
    RustFailed { cause: String }
    RustPanicked {}
    RustReturned {}
    RustDied { status: String }
    RustInterrupted {}
    /// A call from a cell that is over, or from a second thread of it.
    Busy {}
    CommandFailed { command: String, status: i32 }
    NoInput {}
    Interrupted { what: String }
    NoValue { given: String }
    UnknownCellMagic { given: String, nearest: String }
    NoCapture { given: String, nearest: String }
    RustMemory { asked: String, limit: String }
    /// A cell that runs beside another one asks for more than a look.
    Occupied { doing: String }
    /// A hook asks for more than a look while it is called.
    InHook {}
    /// A hook panicked, or its cell is gone.
    HookGone {}
    // Files
    NotFound { path: String }
    Io { path: String, cause: String }
    NotUtf8 { path: String, line: usize }
    DiskFull { path: String, needed: String }
    // Models
    NoModel {}
    NoToken { id: u32, vocabulary: usize }
    NoLayer { layer: usize, layers: usize }
    NoWeight { given: String, nearest: String }
    EmptyText {}
    UnknownModel { given: String, nearest: String }
    UnknownFamily { given: String, known: String }
    BadConfig { path: String, cause: String }
    BadWeights { path: String, cause: String }
    MissingTensor { path: String, tensor: String }
    WrongShape { tensor: String, given: String, expected: String }
    NoTokenizer { path: String, looked_for: String }
    BadTokenizer { path: String, cause: String }
    TooBig { what: String, needed: String, available: String, smaller: String }
    FetchFailed { what: String, cause: String }
    WrongHash { path: String, given: String, expected: String }
    BadDevice { given: String, available: String }
    HubMissing { repository: String, url: String, status: u16 }
    HubDenied { repository: String, url: String, status: u16 }
    HubFailed { repository: String, cause: String }
    HubOffline { repository: String, folder: String }
    NoWeights { repository: String, cause: String }
    AdapterAlone { adapter: String, base: String }
    NoActivation { given: String, nearest: String, end: String }
    HookShape { activation: String, given: String, expected: String }
    // Generation
    ContextFull { tokens: usize, context: usize }
    NoChatTemplate { model: String }
    BadTemplate { cause: String }
    // Data
    NoData {}
    EmptyData { path: String }
    BadRow { path: String, row: usize, cause: String }
    UnknownLayout { path: String, given: String }
    BatchTooBig { batch: usize, examples: usize }
    NothingToLearn { examples: usize }
    UnknownData { given: String, nearest: String }
    NoDataFiles { repository: String, files: String }
    NotText { path: String, layout: String, columns: String }
    // Adapters and training
    NoTarget { given: String, nearest: String, known: String }
    NoAdapter {}
    BadAdapter { path: String, cause: String }
    NotFinite { what: String, step: usize }
    NoGradient { tensor: String, step: usize }
    NothingToTrain {}
    NoRun {}
    NotQuantisable { tensor: String, cause: String }
    AdapterOnQuant { format: String }
    BadCheckpoint { path: String, cause: String }
    OtherRun { path: String, what: String, given: String, expected: String }
    LongPrompt { tokens: usize, n: usize }
    LongExamples { longest: usize, virtual_tokens: usize, context: usize, fits: usize }
    CannotMerge { adapter: String }
    RunReturned { step: usize }
    NoBest { step: usize }
    AdapterTaken { name: String }
    AdapterMerged { name: String }
    NoAdapterNamed { given: String, nearest: String }
    NoSpectrum { adapter: String }
    CannotUnmerge { name: String }
    NothingMerged {}
    NoPastRun { given: usize, known: String }
    WildRate { lr: String, scale: f64, product: String, allowed: String, usual: String }
    NothingLearned { rows: usize }
    BadNumber { what: String, tensor: String, step: usize }
    NotFiniteAt { what: String, place: String, step: usize, batch: usize, row: usize, data_row: String }
    OverLimit { needed: String, resident: String, limit: String, smaller: String }
    // The Jupyter kernel
    BadConnection { path: String, cause: String }
    CannotBind { address: String, cause: String }
    NotWritable { path: String }
    NoKernel { name: String, looked_in: String }
    NoPrefix { cause: String }
    NoKernelThere { address: String, cause: String }
    /// A library call failed for a reason no other variant covers.
    Internal { doing: String, cause: String }
}

impl Error {
    /// Whether a number that should be finite was not.
    pub fn not_finite(&self) -> bool {
        matches!(self, Self::NotFinite { .. } | Self::NotFiniteAt { .. } | Self::BadNumber { .. })
    }

    /// The error in the person's language.
    pub fn report(&self) -> Report {
        let fields = self.fields();
        let filled: Vec<(&str, &dyn std::fmt::Display)> = fields.iter().map(|(k, v)| (*k, v as &dyn std::fmt::Display)).collect();
        let (message, hints) = words::errors::wording(self.name());
        let usable = |hint: &&words::Phrase| !fields.iter().any(|(k, v)| v.is_empty() && hint.en.contains(&format!("{{{k}}}")));
        Report {
            name: self.name().to_owned(),
            message: message.with(&filled),
            hint: hints.iter().find(usable).map(|hint| hint.with(&filled)),
            cause: fields.iter().find(|(k, v)| *k == "cause" && !v.is_empty() && !message.en.contains("{cause}")).map(|(_, v)| v.clone()),
            span: None,
        }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.report().message)
    }
}

impl std::error::Error for Error {}

/// Candle's words are the cause, never the headline; `Internal` is for what no check of ours foresaw.
impl From<candle_core::Error> for Error {
    fn from(source: candle_core::Error) -> Self {
        let cause = source.to_string();
        let cause = cause.lines().next().unwrap_or_default().to_owned();
        Self::Internal { doing: "tensor operation".to_owned(), cause }
    }
}

impl Error {
    /// `map_err(Error::io(path))`: a file operation failed.
    pub fn io(path: impl AsRef<std::path::Path>) -> impl FnOnce(std::io::Error) -> Self {
        move |source| {
            let path = path.as_ref().display().to_string();
            match source.kind() {
                std::io::ErrorKind::NotFound => Self::NotFound { path },
                std::io::ErrorKind::StorageFull => Self::DiskFull { path, needed: String::new() },
                _ => Self::Io { path, cause: source.to_string() },
            }
        }
    }
}

//! The program `lantern`: a REPL, a runner for files of cells, and the launcher of the Jupyter kernel.

mod ask;
mod assistant;
mod attach;
mod board;
mod cursor;
mod draft;
mod echo;
mod editor;
mod graphics;
mod highlight;
mod host;
mod launch;
mod message;
mod meter;
mod paint;
mod plain;
mod play;
mod prompt;
mod run;
mod screen;
mod script;
mod sheet;
mod terminal;
mod view;

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use lantern::cell::{Desk, Setup};
use lantern::words::{self, Lang, ui};
use wire::Report;

use crate::host::Host;
use crate::paint::Paint;
use crate::plain::Plain;
use crate::run::{End, Options};
use crate::screen::Screen;
use crate::script::Cell;
use crate::terminal::Terminal;
use crate::view::View;

#[global_allocator]
static MEMORY: lantern::device::refusal::Watched = lantern::device::refusal::Watched;

/// A language model session: load, look inside, tune, quantise, evaluate
///
/// Without arguments it opens a prompt. %help there shows where to start.
#[derive(Parser)]
#[command(name = "lantern", version, args_conflicts_with_subcommands = true)]
struct Arguments {
    /// Run these cells and leave; a line `# %%` parts cells
    #[arg(short = 'c', value_name = "CODE")]
    code: Option<String>,
    /// Folder for cache, history and runs (otherwise LANTERN_HOME, or the system's place)
    #[arg(long, value_name = "DIR", global = true)]
    home: Option<PathBuf>,
    /// Language: en or zh (otherwise that of the system)
    #[arg(long, value_name = "LANG", global = true, value_parser = language)]
    lang: Option<Lang>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run a notebook or a text file of cells; stops at the first error
    Run {
        /// A .ipynb, or text with cells parted by lines `# %%`; - is standard input
        file: PathBuf,
        /// Print the seconds of each cell
        #[arg(long)]
        time: bool,
    },
    /// Join the session of a kernel that runs: one model for a notebook and this terminal
    Attach {
        /// Its connection file; the newest kernel in Jupyter's runtime folder if not given
        file: Option<PathBuf>,
    },
    /// Install, remove or start the Jupyter kernel
    #[command(subcommand)]
    Kernel(launch::Kernel),
}

fn main() -> ExitCode {
    if let Some(code) = lantern::rust::hook() {
        return code;
    }
    // SAFETY: no thread has been started.
    unsafe { lantern::device::before_threads() };
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        // Help and version are "errors" with exit code 0.
        Err(message) => {
            let _ = message.print();
            return ExitCode::from(u8::try_from(message.exit_code()).unwrap_or(2));
        }
    };
    let remembered = || Setup { home: arguments.home.clone() }.lang();
    if let Some(lang) = arguments.lang.or_else(|| language_of(&["LANTERN_LANG"])).or_else(remembered).or_else(system_language) {
        words::set_lang(lang);
    }
    let mut view = view();
    match work(arguments, &mut *view) {
        Ok(code) => code,
        Err(Stop::Report(report)) => {
            let _ = view.error(&report, None, "");
            ExitCode::FAILURE
        }
        // Whoever read our output has seen enough.
        Err(Stop::Output(source)) if source.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(Stop::Output(source)) => {
            let _ = view.error(&editor::unusable(&source), None, "");
            ExitCode::FAILURE
        }
    }
}

enum Stop {
    Report(Report),
    Output(io::Error),
}

impl From<Report> for Stop {
    fn from(report: Report) -> Self {
        Self::Report(report)
    }
}

impl From<io::Error> for Stop {
    fn from(source: io::Error) -> Self {
        Self::Output(source)
    }
}

fn work(arguments: Arguments, view: &mut dyn View) -> Result<ExitCode, Stop> {
    let home = arguments.home;
    let piped = !io::stdin().is_terminal();
    match (arguments.command, arguments.code) {
        (Some(Command::Kernel(kernel)), _) => {
            let text = launch::launch(kernel, home.as_deref())?;
            io::stdout().write_all(text.as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
        (Some(Command::Attach { file }), _) => attached(file.as_deref(), piped, view),
        (Some(Command::Run { file, time }), _) => {
            let cells = script::read(&file)?;
            let options = Options { time, allow_input: file.as_os_str() != "-", places: true };
            let named = || std::env::var_os("LANTERN_HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
            let home = home.or_else(named).map(std::path::absolute).transpose()?;
            enter_folder(&file)?;
            cells_to_end(home, &cells, &options, view)
        }
        (None, Some(code)) => {
            let cells = script::split(&code);
            let options = Options { time: false, allow_input: true, places: cells.len() > 1 };
            cells_to_end(home, &cells, &options, view)
        }
        (None, None) if piped => {
            let cells = script::read("-".as_ref())?;
            let options = Options { time: false, allow_input: false, places: cells.len() > 1 };
            cells_to_end(home, &cells, &options, view)
        }
        (None, None) => {
            let desk = Desk::open(Setup { home })?;
            for remark in desk.remarks() {
                view.note(&remark)?;
            }
            let host: Arc<dyn Host> = Arc::new(desk.clone());
            let welcome = ui::WELCOME.with(&[("version", &env!("CARGO_PKG_VERSION"))]);
            let result = editor::repl(&host, &welcome, view);
            desk.close();
            Ok(result.map(|()| ExitCode::SUCCESS)?)
        }
    }
}

/// The kernel's session at this terminal, or cells from a pipe for it; it goes on when we leave.
fn attached(file: Option<&Path>, piped: bool, view: &mut dyn View) -> Result<ExitCode, Stop> {
    let cells = if piped { Some(script::read("-".as_ref())?) } else { None };
    let (client, file) = attach::join(file)?;
    let host: Arc<dyn Host> = Arc::new(client.clone());
    let code = match cells {
        Some(cells) => ended(run::run(&host, &cells, &Options { time: false, allow_input: false, places: cells.len() > 1 }, view)?),
        None => {
            editor::repl(&host, &ui::JOINED.with(&[("file", &file.display())]), view)?;
            ExitCode::SUCCESS
        }
    };
    client.close();
    Ok(code)
}

/// A notebook runs in its own folder, as Jupyter runs it; a text of cells where the person is.
fn enter_folder(file: &Path) -> io::Result<()> {
    let notebook = file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("ipynb"));
    match file.parent().filter(|folder| notebook && !folder.as_os_str().is_empty()) {
        Some(folder) => std::env::set_current_dir(folder),
        None => Ok(()),
    }
}

fn cells_to_end(home: Option<PathBuf>, cells: &[Cell], options: &Options, view: &mut dyn View) -> Result<ExitCode, Stop> {
    let desk = Desk::open(Setup { home })?;
    cells.iter().for_each(|cell| desk.foresee(&cell.code));
    let host: Arc<dyn Host> = Arc::new(desk.clone());
    let end = run::run(&host, cells, options, view);
    desk.close();
    Ok(ended(end?))
}

fn ended(end: End) -> ExitCode {
    match end {
        End::Done => ExitCode::SUCCESS,
        End::Failed => ExitCode::FAILURE,
        // 128 + SIGINT, as shells report it.
        End::Interrupted => ExitCode::from(130),
    }
}

fn view() -> Box<dyn View> {
    let (terminal, errors) = (Terminal::stdout(), Terminal::stderr());
    let (out_paint, err_paint) = (Paint { depth: terminal.depth }, Paint { depth: errors.depth });
    let (out, err) = (BufWriter::new(io::stdout()), BufWriter::new(io::stderr()));
    match terminal.live {
        true => Box::new(Screen::new(out, err, (out_paint, err_paint), io::stderr().is_terminal(), terminal::size, graphics::look())),
        false => Box::new(Plain::new(out, err, out_paint, err_paint)),
    }
}

fn language(name: &str) -> Result<Lang, String> {
    Lang::parse(name).ok_or_else(|| "en or zh".to_owned())
}

/// The locale in POSIX order; the first that is set decides.
fn system_language() -> Option<Lang> {
    language_of(&["LC_ALL", "LC_MESSAGES", "LANG"])
}

fn language_of(names: &[&str]) -> Option<Lang> {
    let set = names.iter().filter_map(|name| std::env::var(name).ok()).find(|value| !value.is_empty())?;
    Lang::parse(&set)
}

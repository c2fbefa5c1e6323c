//! The engine's side: evcxr, told what to run over the channel.

use std::io::Write;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use evcxr::{CommandContext, EvalContext, EvalContextOutputs, EvalOutputs};
use wire::Form;
use wire::engine::{Failure, Order, Problem, Role, Said};
use wire::lab::{connect, receive, send};

use super::process::{FOLDER, LAB, LOW};
#[cfg(unix)]
use super::{builds, cargo, process::POOL};
use super::{hints, infer};

/// Commands of evcxr that leave or change the process that runs it.
const REFUSED: &[&str] = &[":quit", ":env", ":load_config", ":restart"];

/// How evcxr begins its refusal.
const UNTYPED: &str = "Couldn't automatically determine type of variable";

/// In scope in every cell. Without the trait evcxr would first try to compile the last expression with a method that hardly any type has, and
/// only then with `{:?}`: each cell with a value would be compiled twice. A type's own `evcxr_display` goes before the trait's.
const PRELUDE: &str = r#"
#[allow(unused_imports)]
use lab::print;
mod lantern_shown {
    pub trait Shown { fn evcxr_display(&self); }
    impl<T: ::std::fmt::Debug + ?Sized> Shown for T {
        fn evcxr_display(&self) { ::std::println!("EVCXR_BEGIN_CONTENT text/plain\n{self:?}\nEVCXR_END_CONTENT"); }
    }
}
#[allow(unused_imports)]
use lantern_shown::Shown as _;
lab::ready();"#;

/// Where the person chooses how values are shown, the trait steps back.
const OWN_FORMAT: &str = "mod lantern_shown { pub trait Shown {} }";

type Mouth = Arc<Mutex<Box<dyn Write + Send>>>;

/// A session that is gone hears nothing; the reading thread ends us then.
fn say(mouth: &Mouth, said: &Said) {
    let _ = send(&mut *mouth.lock().unwrap_or_else(PoisonError::into_inner), said);
}

/// rust-analyzer recurses deeply.
const STACK: usize = 64 << 20;

/// Serves until the session is gone.
pub fn serve() {
    spare_the_session();
    let _build = own_build();
    let Ok((mut reader, writer)) = connect(Role::Engine) else { return };
    let mouth: Mouth = Arc::new(Mutex::new(writer));
    let (orders, order) = channel();
    let (handles, handle) = channel();
    if thread("engine", move || work(&mouth, &handles, &order)).is_none() {
        return;
    }
    // Without one evcxr could not start, and the session has been told.
    let Ok(child) = handle.recv() else { return };
    while let Ok(order) = receive::<Order>(&mut reader) {
        match order {
            Order::Kill => kill(&child),
            order => drop(orders.send(order)),
        }
    }
    // The session is gone. What runs here would run for nobody.
    kill(&child);
    // A session that was killed could not take its folder away.
    if let Some(folder) = std::env::var_os(FOLDER) {
        let _ = std::fs::remove_dir_all(folder);
    }
}

/// A folder that later sessions use again. evcxr's own way of building leaves libraries that find the standard library from a folder of the
/// session only, so it is the stand-in for cargo that makes it possible.
#[cfg(unix)]
fn own_build() -> Option<builds::Build> {
    cargo::install(std::env::var_os(FOLDER)?.as_ref())?;
    let build = builds::claim(std::env::var_os(POOL)?.as_ref())?;
    // SAFETY: no thread has been started.
    unsafe { std::env::set_var("EVCXR_TMPDIR", &build.folder) };
    Some(build)
}

#[cfg(not(unix))]
fn own_build() {}

fn thread<T: Send + 'static>(name: &str, work: impl FnOnce() -> T + Send + 'static) -> Option<JoinHandle<T>> {
    std::thread::Builder::new().name(name.into()).stack_size(STACK).spawn(work).ok()
}

type Handle = Arc<Mutex<std::process::Child>>;

/// Starts evcxr, hands out the cells' program, and does what comes.
fn work(mouth: &Mouth, handles: &Sender<Handle>, orders: &Receiver<Order>) {
    match begin(mouth) {
        Ok(mut context) => {
            let _ = handles.send(context.process_handle());
            // What reading the sources took besides what is kept of them.
            crate::device::memory::give_back();
            say(mouth, &Said::Ready);
            obey(&mut context, orders, mouth);
        }
        Err(cause) => say(mouth, &Said::Unable { cause }),
    }
}

/// Where nobody waits, all that starts goes behind everything else: a thread of low priority, whose programs inherit it, does it.
fn begin(mouth: &Mouth) -> Result<CommandContext, String> {
    if std::env::var_os(LOW).is_none() {
        return open(mouth);
    }
    let patient = mouth.clone();
    let opened = thread("start", move || {
        give_way();
        open(&patient)
    });
    let mut context = opened.and_then(|opened| opened.join().ok()).unwrap_or_else(|| Err("a thread cannot be started".to_owned()))?;
    // Cells run at the usual priority.
    context.execute(":restart").map_err(|e| e.to_string())?;
    Ok(context)
}

fn give_way() {
    // SAFETY: a number for this thread alone; what it cannot change stays.
    #[cfg(target_os = "linux")]
    unsafe {
        libc::setpriority(libc::PRIO_PROCESS, 0, 10);
    }
}

fn kill(child: &Handle) {
    let _ = child.lock().unwrap_or_else(PoisonError::into_inner).kill();
}

/// When memory runs out, the system should take a cell's program rather than the model.
fn spare_the_session() {
    #[cfg(target_os = "linux")]
    let _ = std::fs::write("/proc/self/oom_score_adj", "600");
}

/// evcxr with `lab` in scope.
fn open(mouth: &Mouth) -> Result<CommandContext, String> {
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    let mut command = std::process::Command::new(program);
    command.env_remove(super::ENGINE);
    #[cfg(unix)]
    cargo::leave_out(&mut command);
    let (context, outputs) = EvalContext::with_subprocess_command(command).map_err(|e| e.to_string())?;
    let mut context = CommandContext::with_eval_context(context);
    forward(outputs, mouth);
    let lab = std::env::var(LAB).map_err(|e| e.to_string())?;
    for line in [":opt 0".to_owned(), format!(":dep lab = {{ path = {:?} }}\n{PRELUDE}", format!("{lab}/lab"))] {
        context.execute(&line).map_err(|e| e.to_string())?;
    }
    Ok(context)
}

/// Where the runner does not speak for itself, evcxr's lines are what was printed.
fn forward(outputs: EvalContextOutputs, mouth: &Mouth) {
    let EvalContextOutputs { stdout, stderr } = outputs;
    for (error, lines) in [(false, stdout), (true, stderr)] {
        let mouth = mouth.clone();
        std::thread::spawn(move || lines.iter().for_each(|line| say(&mouth, &Said::Print { error, text: line + "\n" })));
    }
}

fn obey(context: &mut CommandContext, orders: &Receiver<Order>, mouth: &Mouth) {
    // Whether rust-analyzer cannot tell types here, as has been seen.
    let mut blind = false;
    while let Ok(order) = orders.recv() {
        match order {
            Order::Run { code } => {
                let said = ended(execute(context, &code, &mut blind));
                say(mouth, &Said::Known { names: hints::names(context) });
                say(mouth, &said);
            }
            Order::Complete { id, code, at } => say(mouth, &hints::complete(context, id, &code, at)),
            Order::Hover { id, code, at } => say(mouth, &hints::hover(context, id, &code, at)),
            Order::Kill => {}
        }
    }
}

fn ended(result: Result<EvalOutputs, evcxr::Error>) -> Said {
    match result {
        Ok(outputs) => {
            let mut forms: Vec<Form> = outputs.content_by_mime_type.iter().map(|(mime, body)| Form::new(mime, body.clone())).collect();
            forms.sort_by(|a, b| a.mime.cmp(&b.mime));
            Said::Ended { forms }
        }
        Err(error) => Said::Failed { failure: failure(&error) },
    }
}

/// Runs a cell; the types that rust-analyzer cannot tell are asked of the compiler.
fn execute(context: &mut CommandContext, code: &str, blind: &mut bool) -> Result<EvalOutputs, evcxr::Error> {
    if let Some(command) = code.lines().filter_map(|line| line.split_whitespace().next()).find(|word| REFUSED.contains(word)) {
        return Err(format!("`{command}` would act on the engine, not on your cells; `:clear` drops all Rust variables").into());
    }
    if code.lines().any(|line| line.starts_with(":fmt") || line.starts_with(":types")) {
        context.execute(OWN_FORMAT)?;
    }
    if *blind {
        let code = typed(context, code);
        return context.execute(&code);
    }
    match context.execute(code) {
        Err(evcxr::Error::Message(text)) if text.starts_with(UNTYPED) => {
            *blind = true;
            let code = typed(context, code);
            context.execute(&code)
        }
        other => other,
    }
}

fn typed(context: &mut CommandContext, code: &str) -> String {
    let lets = infer::lets(code);
    if lets.is_empty() {
        return code.to_owned();
    }
    let errors = context.check(&infer::question(code, &lets)).unwrap_or_default();
    let types: Vec<_> = errors.iter().filter_map(|error| infer::answer(&error.json)).collect();
    infer::annotated(code, &lets, &types)
}

fn failure(error: &evcxr::Error) -> Failure {
    match error {
        evcxr::Error::CompilationErrors(errors) => Failure::Compile { problems: errors.iter().map(problem).collect() },
        evcxr::Error::SubprocessTerminated(status) => Failure::Died { status: status.clone() },
        other => Failure::Other { text: other.to_string() },
    }
}

fn problem(error: &evcxr::CompilationError) -> Problem {
    let primary = error.primary_spanned_message();
    let span = primary.and_then(|message| message.span);
    Problem {
        message: error.message(),
        code: error.code().unwrap_or_default().to_owned(),
        label: primary.map(|message| message.label.clone()).unwrap_or_default(),
        help: error.help(),
        from: span.map_or((0, 0), |span| (span.start_line, span.start_column)),
        to: span.map_or((0, 0), |span| (span.end_line, span.end_column)),
    }
}

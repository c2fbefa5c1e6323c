//! The engine's side: evcxr, told what to run over the channel.

use std::io::Write;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use evcxr::{CommandContext, EvalContext, EvalContextOutputs, EvalOutputs};
use wire::Form;
use wire::engine::{Failure, Order, Problem, Role, Said};
use wire::lab::{connect, receive, send};

use super::infer;
use super::process::{FOLDER, LAB};

/// Commands of evcxr that leave or change the process that runs it.
const REFUSED: &[&str] = &[":quit", ":env", ":load_config", ":restart"];

/// How evcxr begins its refusal.
const UNTYPED: &str = "Couldn't automatically determine type of variable";

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
    let Ok((mut reader, writer)) = connect(Role::Engine) else { return };
    let mouth: Mouth = Arc::new(Mutex::new(writer));
    let (codes, code) = channel();
    let (handles, handle) = channel();
    let work = move || work(&mouth, &handles, &code);
    if std::thread::Builder::new().name("engine".into()).stack_size(STACK).spawn(work).is_err() {
        return;
    }
    // Without one evcxr could not start, and the session has been told.
    let Ok(child) = handle.recv() else { return };
    while let Ok(order) = receive::<Order>(&mut reader) {
        match order {
            Order::Run { code } => drop(codes.send(code)),
            Order::Kill => kill(&child),
        }
    }
    // The session is gone. What runs here would run for nobody.
    kill(&child);
    // A session that was killed could not take its folder away.
    if let Some(folder) = std::env::var_os(FOLDER) {
        let _ = std::fs::remove_dir_all(folder);
    }
}

type Handle = Arc<Mutex<std::process::Child>>;

/// Starts evcxr, hands out the cells' program, and runs what comes.
fn work(mouth: &Mouth, handles: &Sender<Handle>, codes: &Receiver<String>) {
    match open(mouth) {
        Ok(mut context) => {
            let _ = handles.send(context.process_handle());
            say(mouth, &Said::Ready);
            run(&mut context, codes, mouth);
        }
        Err(cause) => say(mouth, &Said::Unable { cause }),
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
    let (context, outputs) = EvalContext::with_subprocess_command(command).map_err(|e| e.to_string())?;
    let mut context = CommandContext::with_eval_context(context);
    forward(outputs, mouth);
    let lab = std::env::var(LAB).map_err(|e| e.to_string())?;
    for line in [
        ":opt 0".to_owned(),
        format!(":dep lab = {{ path = {:?} }}\n#[allow(unused_imports)]\nuse lab::print;\nlab::ready();", format!("{lab}/lab")),
    ] {
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

fn run(context: &mut CommandContext, codes: &Receiver<String>, mouth: &Mouth) {
    // Whether rust-analyzer cannot tell types here, as has been seen.
    let mut blind = false;
    while let Ok(code) = codes.recv() {
        let said = match execute(context, &code, &mut blind) {
            Ok(outputs) => {
                let mut forms: Vec<Form> = outputs.content_by_mime_type.iter().map(|(mime, body)| Form::new(mime, body.clone())).collect();
                forms.sort_by(|a, b| a.mime.cmp(&b.mime));
                Said::Ended { forms }
            }
            Err(error) => Said::Failed { failure: failure(&error) },
        };
        say(mouth, &said);
    }
}

/// Runs a cell; the types that rust-analyzer cannot tell are asked of the compiler.
fn execute(context: &mut CommandContext, code: &str, blind: &mut bool) -> Result<EvalOutputs, evcxr::Error> {
    if let Some(command) = code.split_whitespace().next().filter(|word| REFUSED.contains(word)) {
        return Err(format!("`{command}` would act on the engine, not on your cells; `:clear` drops all Rust variables").into());
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

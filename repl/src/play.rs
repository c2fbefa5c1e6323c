//! One cell from start to end: asks the session to run it, shows its events, answers its questions, passes Ctrl-C on.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, TryRecvError};
use std::time::Duration;

use lantern::words::ui;
use wire::{Event, Execute, Outcome, Report};

use crate::ask;
use crate::host::Host;
use crate::view::View;

/// How often a quiet cell's progress line (its time left) is looked at.
const TICK: Duration = Duration::from_millis(125);

/// Ctrl-C, counted. While a cell runs it is the session's interrupt and never kills the program.
#[derive(Clone)]
pub struct Presses(Arc<AtomicUsize>);

impl Presses {
    /// From here on Ctrl-C reaches the session.
    pub fn watch(host: &Arc<dyn Host>) -> Self {
        let presses = Self(Arc::new(AtomicUsize::new(0)));
        let (count, host) = (presses.0.clone(), host.clone());
        // Without a handler (it fails only where one is set already) Ctrl-C ends the program, as anywhere.
        let _ = ctrlc::set_handler(move || {
            count.fetch_add(1, Ordering::SeqCst);
            host.interrupt();
        });
        presses
    }

    pub fn forget(&self) {
        self.0.store(0, Ordering::SeqCst);
    }

    pub fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// Runs `code` to its end. An `Err` is a closed output: the cell is stopped then.
pub fn play(host: &dyn Host, code: &str, allow_input: bool, presses: &Presses, view: &mut dyn View) -> io::Result<Outcome> {
    view.begin();
    let events = host.execute(Execute { allow_input, ..Execute::new(code) });
    let mut heard = 0;
    let result = loop {
        let event = match events.try_recv() {
            Err(TryRecvError::Empty) => {
                if let Err(closed) = view.rest() {
                    break Err(closed);
                }
                events.recv_timeout(TICK)
            }
            Err(TryRecvError::Disconnected) => Err(RecvTimeoutError::Disconnected),
            Ok(event) => Ok(event),
        };
        let step = match event {
            Ok(Event::Done(outcome)) => return view.finish().map(|()| outcome),
            Ok(Event::Input { prompt, password }) => answer(host, &prompt, password, view),
            Ok(event) => view.show(event),
            Err(RecvTimeoutError::Timeout) => Ok(()),
            Err(RecvTimeoutError::Disconnected) => return view.finish().map(|()| gone()),
        };
        if let Err(closed) = step.and_then(|()| repeat(host, presses, &mut heard, view)) {
            break Err(closed);
        }
    };
    host.interrupt();
    while let Ok(event) = events.recv() {
        match event {
            Event::Done(_) => break,
            Event::Input { .. } => host.answer(None),
            _ => {}
        }
    }
    result
}

/// Ctrl-C may have come in the moment before the cell began; the second one gets a word.
fn repeat(host: &dyn Host, presses: &Presses, heard: &mut usize, view: &mut dyn View) -> io::Result<()> {
    let count = presses.count();
    if count == *heard {
        return Ok(());
    }
    host.interrupt();
    let again = *heard > 0 || count > 1;
    *heard = count;
    if again { view.note(ui::STOPPING.text()) } else { Ok(()) }
}

fn answer(host: &dyn Host, prompt: &str, password: bool, view: &mut dyn View) -> io::Result<()> {
    view.settle()?;
    match ask::ask(prompt, password)? {
        ask::Answer::Line(text) => host.answer(Some(text)),
        ask::Answer::End => host.answer(None),
        ask::Answer::Interrupted => {
            host.interrupt();
            host.answer(None);
        }
    }
    Ok(())
}

fn gone() -> Outcome {
    let report = Report { name: "SessionGone".to_owned(), message: ui::SESSION_GONE.to_string(), ..Report::default() };
    Outcome { count: 0, error: Some(report), seconds: 0.0 }
}

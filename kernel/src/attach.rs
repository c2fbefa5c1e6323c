//! Cells that are answered beside the one that runs, each on a thread of its own: `%attach`, and those that only look.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lantern::cell::{Desk, Ticket};
use serde_json::json;
use wire::Outcome;

use crate::message::Request;
use crate::outbox::{Channel, Outbox};
use crate::publish::Publish;
use crate::queue::Queue;
use crate::{cells, log, reply};

/// The cells that are being answered so.
#[derive(Clone, Default)]
pub struct Attaches {
    live: Arc<Mutex<Vec<Live>>>,
    last: Arc<AtomicU64>,
}

struct Live {
    id: u64,
    session: String,
    /// Its client sends its interrupts itself, under its own name.
    interrupts: bool,
    /// None: the desk has not been asked yet.
    ticket: Option<Ticket>,
    left: bool,
}

/// Which of them an interrupt means.
#[derive(Clone, Copy, Debug)]
pub enum Whose<'a> {
    Of(&'a str),
    /// All whose clients have a server send their interrupts: its name says nothing.
    Served,
    All,
}

impl Attaches {
    /// Answers one; `queue` is what was sent before it.
    pub fn start(&self, request: Arc<Request>, desk: Desk, outbox: Outbox, queue: Arc<Queue>) {
        let id = self.last.fetch_add(1, Ordering::SeqCst);
        let interrupts = request.metadata["lantern"]["interrupts"] == true;
        self.live().push(Live { id, session: request.header.session.clone(), interrupts, ticket: None, left: false });
        let all = self.clone();
        let answer = move || {
            cells::reach(&desk, &queue, Duration::from_millis(200));
            all.answer(id, &request, &desk, &outbox, &queue);
            all.live().retain(|live| live.id != id);
        };
        if let Err(error) = std::thread::Builder::new().name("attach".to_owned()).spawn(answer) {
            self.live().retain(|live| live.id != id);
            log::warn("cannot answer %attach", error);
        }
    }

    /// Ends those that are meant; false if there are none.
    pub fn leave(&self, desk: &Desk, whose: Whose<'_>) -> bool {
        let mut any = false;
        for live in self.live().iter_mut() {
            let meant = match whose {
                Whose::Of(session) => live.session == session,
                Whose::Served => !live.interrupts,
                Whose::All => true,
            };
            if meant {
                live.left = true;
                // One that has ended by itself uses no interrupt up.
                any |= live.ticket.is_none_or(|ticket| desk.detach(ticket));
            }
        }
        any
    }

    pub fn any(&self) -> bool {
        !self.live().is_empty()
    }

    /// As a cell of its own: busy, input, what the other cell shows, reply, idle.
    fn answer(&self, id: u64, request: &Arc<Request>, desk: &Desk, outbox: &Outbox, queue: &Queue) {
        let silent = request.flag("silent", false);
        // The engine of Rust cells was given to another one in the meantime.
        let Some(attached) = desk.beside(request.text("code")) else { return queue.push(request.clone()) };
        outbox.busy(request, false);
        if self.knows(id, attached.ticket) {
            desk.detach(attached.ticket);
        }
        if !silent {
            let input = json!({ "code": request.text("code"), "execution_count": attached.count });
            outbox.publish(request, "execute_input", input);
        }
        let mut publish = Publish::new(outbox, request, silent, attached.count);
        let outcome = publish.run(&attached.events, |_, _| {});
        let outcome = outcome.unwrap_or_else(|| Outcome { count: attached.count, error: Some(cells::lost()), seconds: 0.0 });
        let pages = std::mem::take(&mut publish.pages);
        let content = reply::reply(outbox, request, &outcome, pages);
        outbox.reply(Channel::Shell, request, "execute_reply", content);
        outbox.idle(request);
    }

    /// Notes the ticket; true if the interrupt was faster.
    fn knows(&self, id: u64, ticket: Ticket) -> bool {
        let mut all = self.live();
        let Some(live) = all.iter_mut().find(|live| live.id == id) else { return false };
        live.ticket = Some(ticket);
        live.left
    }

    fn live(&self) -> MutexGuard<'_, Vec<Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

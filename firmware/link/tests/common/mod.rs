//! One side's memory, of which every access may be interrupted by the other side or be its last.

use std::{
    cell::{Cell, RefCell},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    rc::Rc,
};

use tandem_link::{SharedMemory, memory::HostMemory};

/// Number of an access, and what happens just before it.
type Interrupt = (u32, Box<dyn FnOnce()>);

/// What happens during a side's next operation, by the number of its access.
#[derive(Default)]
pub struct Plan {
    access: Cell<u32>,
    kill_at: Cell<Option<u32>>,
    interrupt: RefCell<Option<Interrupt>>,
}

impl Plan {
    /// The side dies instead of its access of this number.
    pub fn kill(&self, at: u32) {
        self.kill_at.set(Some(at));
    }

    /// `what` runs just before the access of this number. It must not touch this side.
    pub fn interrupt(&self, at: u32, what: impl FnOnce() + 'static) {
        *self.interrupt.borrow_mut() = Some((at, Box::new(what)));
    }

    /// Nobody interrupts; the side may still die.
    pub fn no_interrupt(&self) {
        self.interrupt.borrow_mut().take();
    }

    /// Nothing happens.
    pub fn clear(&self) {
        self.kill_at.set(None);
        self.no_interrupt();
    }

    /// Runs an operation of the side; `None` if it died. The plan is used up.
    pub fn run<T>(&self, operation: impl FnOnce() -> T) -> Option<T> {
        self.access.set(0);
        let ended = catch_unwind(AssertUnwindSafe(operation));
        self.clear();
        ended.map_err(|cause| if cause.is::<Died>() { cause } else { resume_unwind(cause) }).ok()
    }

    fn step(&self) {
        let now = self.access.replace(self.access.get() + 1);
        if self.kill_at.get() == Some(now) {
            resume_unwind(Box::new(Died));
        }
        let due = self.interrupt.borrow_mut().take_if(|(at, _)| *at == now);
        if let Some((_, what)) = due {
            what();
        }
    }
}

struct Died;

/// The block as a side with a plan sees it.
#[derive(Clone)]
pub struct Watched {
    pub mem: HostMemory,
    pub plan: Rc<Plan>,
}

impl Watched {
    pub fn new(mem: &HostMemory) -> Self {
        Self { mem: mem.clone(), plan: Rc::default() }
    }
}

impl SharedMemory for Watched {
    fn size(&self) -> u32 {
        self.mem.size()
    }
    fn load(&self, offset: u32) -> u32 {
        self.plan.step();
        self.mem.load(offset)
    }
    fn store(&self, offset: u32, value: u32) {
        self.plan.step();
        self.mem.store(offset, value);
    }
}

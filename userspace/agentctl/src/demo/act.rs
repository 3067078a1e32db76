//! The story: what happens to the board while parts come along.

/// One scene.
#[derive(Clone, Debug)]
pub struct Act {
    /// Headline.
    pub title: &'static str,
    /// What the watcher should look at.
    pub story: &'static str,
    /// Planted before the first part, by the names of `agentctl fault list`.
    pub fault: Option<&'static str>,
    /// The one incident counter that must move, by one.
    pub incident: Option<&'static str>,
    /// Parts that pass the trigger.
    pub parts: usize,
    /// The firmware goes away: parts are rejected by the gate alone until it is back.
    pub outage: bool,
}

const fn fault(
    title: &'static str,
    story: &'static str,
    fault: &'static str,
    incident: &'static str,
) -> Act {
    Act { title, story, fault: Some(fault), incident: Some(incident), parts: 2, outage: false }
}

const OPENING: Act = Act {
    title: "Everything runs",
    story: "Each part trips the gate, which schedules a reject at once. Only a pass in time takes \
            it back.",
    fault: None,
    incident: None,
    parts: 8,
    outage: false,
};

const HANG: Act = Act {
    title: "The R5F hangs",
    story: "Nobody can cancel a reject now: the gate rejects every part on time, by itself. The \
            CPU still gives the same verdicts. Then the core is restarted.",
    fault: Some("freeze_core"),
    incident: Some("r5_frozen"),
    parts: 3,
    outage: true,
};

const STUCK: Act = fault(
    "A DMA sticks",
    "The kernel's packet never ends. The firmware resets the channel; that one job runs on the \
     CPU, the next one on the PL again.",
    "stuck_tlast:pre",
    "stream_mismatch",
);

const CLOSING: Act = Act {
    title: "Back to normal",
    story: "Same photographs, same verdicts, all on the PL.",
    fault: None,
    incident: None,
    parts: 4,
    outage: false,
};

/// The scenes in order.
pub fn all(quick: bool) -> Vec<Act> {
    if quick {
        return vec![Act { parts: 4, ..OPENING }, HANG, STUCK, Act { parts: 2, ..CLOSING }];
    }
    vec![
        OPENING,
        HANG,
        STUCK,
        fault(
            "An interrupt is lost",
            "The firmware's timed poll finds the finished job; nothing falls back.",
            "lost_interrupt:pre",
            "lost_interrupt",
        ),
        fault(
            "Memory answers with an error",
            "A slave error on the DMA's data port fails only its own job.",
            "slave_error:pre",
            "dma_slave_error",
        ),
        fault(
            "An address leads nowhere",
            "A decode error in front of the post kernel.",
            "decode_error:post",
            "dma_decode_error",
        ),
        fault(
            "A kernel hangs",
            "The post kernel never finishes; it is reset after its time limit.",
            "hung_kernel:post",
            "kernel_hung",
        ),
        fault(
            "A bit flips in a descriptor",
            "The firmware compares every descriptor with what it wrote.",
            "flipped_descriptor_bit:pre:0:70",
            "descriptor_corrupt",
        ),
        Act {
            title: "The R5F dies in the middle of a job",
            story: "At its 400th bus access from now. Its slots come back with its next epoch.",
            fault: Some("kill_core:400"),
            incident: Some("r5_dead"),
            parts: 3,
            outage: true,
        },
        CLOSING,
    ]
}

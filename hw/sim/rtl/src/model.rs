//! A Verilated model in a shared library, and its ports.

#![allow(unsafe_code, reason = "the one place where C++ is called")]

use std::collections::HashMap;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::PathBuf;

use libloading::Library;

/// Most bytes of a port.
pub const PORT_BYTES: usize = 64;

#[repr(C)]
#[derive(Clone, Copy)]
struct RawPort {
    name: *const c_char,
    data: *mut u8,
    bits: u32,
    bytes: u32,
    output: u32,
}

/// A port of the top module. Belongs to the model that gave it.
#[derive(Clone, Copy, Debug)]
pub struct Port {
    data: *mut u8,
    bits: u32,
    bytes: usize,
    output: bool,
    owner: *mut c_void,
}

impl Port {
    /// Width in bits.
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// The module drives it.
    pub fn is_output(&self) -> bool {
        self.output
    }
}

type Create = unsafe extern "C" fn(c_int, *const c_char) -> *mut c_void;
type Destroy = unsafe extern "C" fn(*mut c_void);
type Eval = unsafe extern "C" fn(*mut c_void) -> *const c_char;
type Assert = unsafe extern "C" fn(*mut c_void, c_int);
type Ports = unsafe extern "C" fn(*mut c_void, *mut RawPort, usize) -> usize;

/// One instance of a model. It stays on the thread that made it.
pub struct Model {
    name: String,
    handle: *mut c_void,
    destroy: Destroy,
    eval: Eval,
    assert: Assert,
    ports: HashMap<String, Port>,
    /// Dropped last: the functions above are in it.
    _library: Library,
}

/// Where the libraries are: `TANDEM_RTL_MODELS` first, for models made of changed sources.
fn file_of(name: &str) -> PathBuf {
    let changed = std::env::var_os("TANDEM_RTL_MODELS")
        .map(|folder| PathBuf::from(folder).join(format!("{name}.so")))
        .filter(|file| file.exists());
    changed.unwrap_or_else(|| PathBuf::from(env!("OUT_DIR")).join(format!("{name}.so")))
}

impl Model {
    /// Loads the model called `name`, its registers at values that `seed` says. With the
    /// environment's `TANDEM_RTL_VCD=FILE` a model that was built for it writes a waveform.
    ///
    /// # Panics
    /// It is not in `models.toml`, or was left out by `TANDEM_RTL_ONLY`.
    pub fn load(name: &str, seed: u64) -> Self {
        let file = file_of(name);
        // SAFETY: the library is of our own making and its initialisers only set up C++ statics.
        let library = unsafe { Library::new(&file) };
        let library = library.unwrap_or_else(|error| panic!("model {name}: {error}"));
        let vcd = std::env::var("TANDEM_RTL_VCD").ok().and_then(|path| CString::new(path).ok());
        // SAFETY: the symbols are shim.cpp's, with these types; the library outlives every call
        // because it is dropped after everything else here.
        let mut model = unsafe {
            let create: Create = symbol(&library, name, b"tandem_create");
            let ports: Ports = symbol(&library, name, b"tandem_ports");
            let seed = (seed as c_int) & c_int::MAX;
            let handle = create(seed, vcd.as_ref().map_or(std::ptr::null(), |path| path.as_ptr()));
            Self {
                name: name.to_owned(),
                handle,
                destroy: symbol(&library, name, b"tandem_destroy"),
                eval: symbol(&library, name, b"tandem_eval"),
                assert: symbol(&library, name, b"tandem_assert"),
                ports: list_ports(handle, ports),
                _library: library,
            }
        };
        // Verilator gives inputs a random value, too: what nobody drives shall be 0.
        let inputs: Vec<Port> = model.ports.values().copied().filter(|p| !p.output).collect();
        inputs.into_iter().for_each(|port| model.set_bytes(port, &[]));
        model
    }

    /// The name it was loaded by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The port called `name`, if the top module has one.
    pub fn find(&self, name: &str) -> Option<Port> {
        self.ports.get(name).copied()
    }

    /// The port called `name`.
    ///
    /// # Panics
    /// The top module has none.
    pub fn port(&self, name: &str) -> Port {
        self.find(name).unwrap_or_else(|| panic!("{} has no port {name}", self.name))
    }

    /// The lowest 64 bits of a port.
    pub fn get(&self, port: Port) -> u64 {
        let mut bytes = [0; 8];
        self.get_bytes(port, &mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// Sets a port of up to 64 bits. Bits beyond its width are cut off.
    pub fn set(&mut self, port: Port, value: u64) {
        let width = port.bits.min(64);
        let mask = u64::MAX >> (64 - width);
        self.set_bytes(port, &(value & mask).to_le_bytes());
    }

    /// Fills `bytes` from a port, lowest byte first, with zeros beyond its end.
    pub fn get_bytes(&self, port: Port, bytes: &mut [u8]) {
        self.own(port);
        bytes.fill(0);
        let count = bytes.len().min(port.bytes);
        // SAFETY: the port belongs to this living model, whose field is `port.bytes` long, and
        // nothing else touches it while we hold a reference to the model.
        unsafe { std::ptr::copy_nonoverlapping(port.data, bytes.as_mut_ptr(), count) }
    }

    /// Sets a port from bytes, lowest first; zeros where they end. The caller leaves bits beyond
    /// the port's width 0.
    pub fn set_bytes(&mut self, port: Port, bytes: &[u8]) {
        self.own(port);
        assert!(!port.output, "{}: an output cannot be set", self.name);
        let count = bytes.len().min(port.bytes);
        // SAFETY: as in `get_bytes`, and we hold the model exclusively.
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), port.data, count);
            std::ptr::write_bytes(port.data.add(count), 0, port.bytes - count);
        }
    }

    /// Lets the outputs follow the inputs.
    ///
    /// # Panics
    /// An assertion in the SystemVerilog fails.
    pub fn eval(&mut self) {
        // SAFETY: `handle` came from `create` and lives until `drop`; the text, if any, lives until
        // the next call on this thread, and the type is not `Send`.
        unsafe {
            let stopped = (self.eval)(self.handle);
            if !stopped.is_null() {
                panic!("{}: {}", self.name, CStr::from_ptr(stopped).to_string_lossy());
            }
        }
    }

    /// Immediate assertions in the SystemVerilog are checked from now on, or not.
    pub fn check_assertions(&mut self, on: bool) {
        // SAFETY: `handle` is alive.
        unsafe { (self.assert)(self.handle, c_int::from(on)) }
    }

    fn own(&self, port: Port) {
        assert!(port.owner == self.handle, "{}: the port is another model's", self.name);
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        // SAFETY: made by `create`, destroyed once; no call comes after.
        unsafe { (self.destroy)(self.handle) }
    }
}

/// # Safety
/// `T` is the type of the function called `symbol`.
unsafe fn symbol<T: Copy>(library: &Library, name: &str, symbol: &[u8]) -> T {
    // SAFETY: passed on to the caller.
    let found = unsafe { library.get::<T>(symbol) };
    *found.unwrap_or_else(|error| panic!("model {name}: {error}"))
}

/// # Safety
/// `handle` is a living model of the library that `ports` comes from.
unsafe fn list_ports(handle: *mut c_void, ports: Ports) -> HashMap<String, Port> {
    let none = RawPort {
        name: std::ptr::null(),
        data: std::ptr::null_mut(),
        bits: 0,
        bytes: 0,
        output: 0,
    };
    // SAFETY: by the contract of this function; with room for none, nothing is written.
    let count = unsafe { ports(handle, std::ptr::null_mut(), 0) };
    let mut raw = vec![none; count];
    // SAFETY: there is room for `count`.
    unsafe { ports(handle, raw.as_mut_ptr(), count) };
    raw.iter()
        .map(|port| {
            // SAFETY: the shim's names are string literals.
            let name = unsafe { CStr::from_ptr(port.name) }.to_string_lossy().into_owned();
            let (bits, bytes, output) = (port.bits, port.bytes as usize, port.output != 0);
            (name, Port { data: port.data, bits, bytes, output, owner: handle })
        })
        .collect()
}

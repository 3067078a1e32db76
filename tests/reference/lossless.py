#!/usr/bin/env python3
"""Writes photographs as PNG, so that two programs start from the same pixels.

    lossless.py FOLDER IMAGE...

Pixels as OpenCV decodes them; prints the path of each PNG.
"""

import pathlib
import sys

import cv2


def main():
    folder = pathlib.Path(sys.argv[1])
    for name in sys.argv[2:]:
        image = cv2.imread(name, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
        if image is None:
            sys.exit(f"{name}: OpenCV cannot read it")
        out = folder / (pathlib.Path(name).stem + ".png")
        cv2.imwrite(str(out), image)
        print(out)


if __name__ == "__main__":
    main()

"""Cuts and scales generated pictures to thumbnails, with Pillow: a megabyte goes in, 77 kB come out."""

import argparse
import hashlib

from PIL import Image, ImageOps


def pictures(count: int) -> list[Image.Image]:
    """Gradients of several sizes, in colour."""
    sizes = [(640, 480), (800, 600), (1024, 512)]
    gradients = [Image.linear_gradient("L").resize(sizes[number % len(sizes)]) for number in range(count)]
    return [Image.merge("RGB", (each, each.rotate(90), each.rotate(180))) for each in gradients]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=60, metavar="N", help="how many (default: %(default)s)")
    thumbnails = [ImageOps.fit(each, (160, 160)) for each in pictures(parser.parse_args().pictures)]
    digest = hashlib.sha256(b"".join(each.tobytes() for each in thumbnails)).hexdigest()
    print(f"{len(thumbnails)} thumbnails, sha256 {digest[:16]}")


if __name__ == "__main__":
    main()

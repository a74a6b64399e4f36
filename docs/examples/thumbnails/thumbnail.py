#!/usr/bin/python3
"""Makes thumbnails of the image at sys.argv[1] (a TIFF or GIF may have many) in the directory sys.argv[2]."""
import json
import os
import sys

from PIL import Image, ImageSequence

SIZE = 320, 320
tell = os.fdopen(3, "w", buffering=1)  # one JSON object a line: this is how progress is told

with Image.open(sys.argv[1]) as image:
    pages = getattr(image, "n_frames", 1)
    for number, frame in enumerate(ImageSequence.Iterator(image), 1):
        thumbnail = frame.convert("RGB")
        thumbnail.thumbnail(SIZE)
        thumbnail.save(os.path.join(sys.argv[2], f"{number:04}.jpg"), quality=85)
        report = {"pages_done": number, "pages_total": pages, "message": f"Image {number} of {pages}"}
        print(json.dumps(report), file=tell)

#!/usr/bin/python3
"""Counts the words of a text: a stage of a Headway pipeline in twenty lines."""
import collections, json, os, re, sys

source, output = sys.argv[1:]
tell = os.fdopen(3, "w", buffering=1)
words, read, size = collections.Counter(), 0, os.path.getsize(source)
with open(source, "rb") as text:
    for number, line in enumerate(text, 1):
        words.update(re.findall(r"\w+", line.decode("utf-8", "replace").lower()))
        read += len(line)
        if number % 1000 == 0:
            report = {"stage_progress": 100 * read / size, "message": f"{len(words):,} words so far"}
            print(json.dumps(report), file=tell)
with open(os.path.join(output, "words.json"), "w") as result:
    json.dump(dict(words.most_common()), result)
print(json.dumps({"stage_progress": 100, "message": f"{len(words):,} words"}), file=tell)

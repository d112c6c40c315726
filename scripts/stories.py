"""Children's stories (MCTest) and exam texts (RACE) from CoQA's requests, as JSON lines."""

import gzip
import json


def texts_of_coqa(source):
    """A function that writes each text of `source` once, in the order of the requests.

    Paragraphs are separated by one newline, as in TinyStories, on which stories15M was trained; it never saw
    an empty line.
    """

    def make(requests, out):
        texts = {}
        with gzip.open(requests, "rt", encoding="utf-8") as lines:
            for line in lines:
                doc = json.loads(line)["doc"]
                if doc["source"] == source:
                    texts[doc["story"].replace("\n\n", "\n")] = None
        with open(out, "w", encoding="utf-8", newline="\n") as file:
            for text in texts:
                file.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")

    return make

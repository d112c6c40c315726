"""Children's stories (MCTest) and exam texts (RACE) out of CoQA's requests, as lines of JSON."""

import gzip
import json


def texts_of_coqa(source):
    """A maker of the file that has each text of `source` once, in the order of the requests.

    One newline between paragraphs, as TinyStories has, which stories15M was trained on: an empty line between
    them is something that it has never seen.
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

"""tests/fixtures/parquet/*.parquet: rows as hub sets have them, by pyarrow, in the compressions those use. `rows.json` is what they hold."""
import json

import pyarrow as pa
import pyarrow.parquet as pq

from tiny import FIXTURES

QUESTIONS = [{"question": f"What is {i} + {i}?", "answer": f"{2 * i}。", "level": i % 3} for i in range(40)]
CHATS = [{"messages": [{"role": "user", "content": f"say {i}"}, {"role": "assistant", "content": f"it is {i}"}]} for i in range(6)]
# Some rows without turns, some with many: pages of one value in format 1 begin inside of rows.
TALKS = [
    {"messages": [{"role": role, "content": f"{role} {i}.{k} " + "la " * (7 * i % 11)} for k in range(i * i % 7) for role in ("user", "assistant")]}
    for i in range(1, 60)
]
LONG = [{"prompt": f"{i % 4} of {i}", "completion": f"story {i} " + "tell " * (i % 9), "image": bytes(200)} for i in range(120)]
TEXTS = [{"text": f"Story {i}. " + "Once upon a time. " * (i % 4), "embedding": [0.5] * 8} for i in range(9)]


def main():
    folder = FIXTURES / "parquet"
    folder.mkdir(exist_ok=True)

    def write(name, rows, **options):
        pq.write_table(pa.Table.from_pylist(rows), folder / f"{name}.parquet", **options)

    # Several row groups, dictionary and plain pages, both page versions.
    write("snappy", QUESTIONS, compression="snappy", row_group_size=7)
    write("zstd", CHATS, compression="zstd", data_page_version="2.0")
    write("gzip", TEXTS, compression="gzip", use_dictionary=False)
    write("none", QUESTIONS[:3], compression="none")
    write("brotli", QUESTIONS[:3], compression="brotli")
    write("hole", [*QUESTIONS[:2], {"question": "and this?", "answer": None, "level": 1}], compression="snappy")
    # One row group of many pages, with a dictionary that gets too large; a list in format 1, whose pages are cut inside of rows.
    small = {"data_page_size": 64, "write_batch_size": 5, "row_group_size": 1000}
    write("pages", LONG, compression="snappy", dictionary_pagesize_limit=200, **small)
    write("talks", TALKS, compression="zstd", **small)
    write("talks2", TALKS, compression="none", data_page_version="2.0", **small)
    (folder / "rows.json").write_text(json.dumps({"questions": QUESTIONS, "chats": CHATS, "texts": TEXTS}, ensure_ascii=False))


if __name__ == "__main__":
    main()

"""Writes huggingface.parquet and files of other compressions as Hugging Face `datasets` does: six images in two row groups, with named labels.

Needs pyarrow and pillow. The first pixel of image i is (40 * i, 255 - 40 * i, 7 * i).
"""

import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image


def png(number):
    image = Image.new("RGB", (9, 8), (40 * number, 255 - 40 * number, 7 * number))
    file = io.BytesIO()
    image.save(file, "PNG")
    return {"bytes": file.getvalue(), "path": f"{number}.png"}


features = {"image": {"_type": "Image"}, "label": {"names": ["ant", "bee", "cat"], "_type": "ClassLabel"}}
schema = pa.schema(
    [
        pa.field("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        pa.field("label", pa.int64()),
    ],
    metadata={"huggingface": json.dumps({"info": {"features": features}})},
)
table = pa.Table.from_pydict(
    {"image": [png(number) for number in range(6)], "label": [number % 3 for number in range(6)]}, schema=schema
)
path = Path(__file__).with_name("huggingface.parquet")
pq.write_table(table, path, row_group_size=4, compression="snappy")
for name, version in [("zstd", "1.0"), ("zstd_pages_v2", "2.0")]:
    pq.write_table(
        table,
        path.with_name(f"{name}.parquet"),
        row_group_size=4,
        compression="zstd",
        data_page_version=version,
        use_dictionary=["label"],
    )
# Of a compression that is not supported.
pq.write_table(table.slice(0, 1), path.with_name("brotli.parquet"), compression="brotli", write_statistics=False)

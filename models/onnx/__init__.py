"""Import of ONNX and QONNX files.

Reading (`reading`) makes plain data of the file; every operator on constants is computed
(`folding`), every operator on data is handed to its handler (`operators`), which emits layers
through the builder (`building`); axes and pending scales travel with the tensors (`traced`).
What becomes binary is decided in `multiplying`, what becomes bits in `stepping`.
"""

from bnnplan.models.onnx.importing import Imported, import_onnx
from bnnplan.models.onnx.report import ImportReport

__all__ = ["ImportReport", "Imported", "import_onnx"]

# The application frozen into MicroPython, for those who build their own (docs/boards.md).
include("$(PORT_DIR)/boards/manifest.py")
include("../manifest.py")

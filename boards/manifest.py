# What is frozen is the application only: board.py, the start files and the slots stay in the file system,
# where an update can replace what is frozen.
package("locator", base_path="../firmware")
module("bundle.py", base_path="../firmware")
module("slots.py", base_path="../firmware")
module("trials.py", base_path="../firmware")

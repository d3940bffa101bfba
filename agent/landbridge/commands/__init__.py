"""The subcommands of `landbridge`, a module for each group."""

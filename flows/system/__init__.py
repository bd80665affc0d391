"""The work of the seven system tasks. Source: scheduler API, "System Tasks (Hardcoded)"; eve-modules, 1-7."""

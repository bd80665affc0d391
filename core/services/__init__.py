"""Use cases over the ports. The API, the command line and a run all call these, and add no rule of their own."""

"""The four system tasks that talk to EVE Online: parameters, work, outcome."""

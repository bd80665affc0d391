"""Creating, changing and switching tasks; the system tasks; what is planned of each."""

"""Jobs in containers of this machine's docker engine."""

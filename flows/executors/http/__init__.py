"""Http tasks: one request, judged by its status and by assertions on its body."""

"""Examples for the OpenAPI document: one task and its execution, in the answers of every route."""

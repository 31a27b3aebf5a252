"""From YAML text to items: source, schema, model, resolve."""

"""How many users are to run: load shapes and the search for the highest load that holds, as pure functions."""

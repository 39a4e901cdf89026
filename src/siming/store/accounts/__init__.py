"""Who may come in: people, passwords, invitations, sessions, tokens, and the vault of identities."""

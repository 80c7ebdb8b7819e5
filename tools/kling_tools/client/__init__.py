"""The only rooms on the wire: transport, signing, and the client that turns orders into observations."""

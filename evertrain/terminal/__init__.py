"""What the command line and the demo share: tables and sentences for people, and waiting for the loop."""

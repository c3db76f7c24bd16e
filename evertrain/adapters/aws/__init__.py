"""What all adapters of AWS share: clients, clocks, tables, queues, buses, artifacts."""

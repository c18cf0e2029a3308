"""What sources of prices and brokers share: answers over HTTP, an SDK's session, and classes by name."""

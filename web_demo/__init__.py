"""The browser page that runs exported networks, and the server and checks that go with it."""

"""What may be sent: limits, the gate every order passes, the halt ladder, and the guards that move it."""

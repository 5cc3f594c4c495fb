"""Texts that recipes measure on: prose, a question, instructions, a list and speech."""

SAMPLE = """\
The Danube rises in the Black Forest of Germany and flows for some 2,850 kilometres to the Black \
Sea, passing through ten countries and four capitals: Vienna, Bratislava, Budapest and Belgrade. For \
centuries it was the frontier of the Roman Empire. Today it carries grain, ore and passengers, and \
since 1992 a canal has joined it to the Rhine and so to the North Sea.

Question: Which sea does the river flow into?
Answer: It flows into the Black Sea, through a delta in Romania and Ukraine.

To install the package, create a virtual environment and run `pip install .` in its folder. The server reads \
its settings from the environment; a setting that it does not know stops it with a message. If the port is \
taken, choose another one with --port.

- A dozen is 12, a score is 20, and a gross is 144.
- Water freezes at 0 °C and boils at 100 °C at sea level.

"I did not expect to see you here," said Anna, closing the door behind her. The rain had stopped, but the \
street was still empty, and nobody had lit the lamps. He turned the letter over twice before he answered.
"""

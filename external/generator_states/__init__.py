"""The controller of GeneratorStates."""

"""State fields as the models here need them: a turn makes hundreds of transitions."""

from __future__ import annotations

from typing import Any

from django_fsm import FSMField, TransitionNotAllowed


class StateField(FSMField):
    """A state of django-fsm-2, whose transitions have a source and a target, and nothing that hears of them.

    Its own looks for conditions, for what to do on an error, and for receivers of two signals, and reads a state as
    one that may not be loaded yet: four times the time.
    """

    def get_state(self, instance: Any) -> Any:
        held = instance.__dict__
        return held[self.name] if self.name in held else super().get_state(instance)

    def change_state(self, instance: Any, method: Any, *args: Any, **kwargs: Any) -> Any:
        """Call `method`, and then set the state. Raises TransitionNotAllowed."""
        state = self.get_state(instance)
        transition = method._django_fsm.get_transition(state)
        if transition is None:
            problem = f"Can't switch from state '{state}' using method '{method.__name__}'"
            raise TransitionNotAllowed(problem, object=instance, method=method)
        result = method(instance, *args, **kwargs)
        self.set_state(instance, transition.target)
        return result

    def deconstruct(self) -> Any:
        """Return it as the library's own field: to the database they are the same."""
        name, _path, args, kwargs = super().deconstruct()
        return name, "django_fsm.FSMField", args, kwargs

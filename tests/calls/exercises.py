"""Valid calls of genphys.exercises."""

from promise import args, case

from genphys.exercises import Exercise

ANY = ["None", "True", "string", "NaN"]  # an answer may be anything: the verdict says what is wrong with it

CALLS = {
    "check": case(lambda: args("ex:heat-capacity", 1.0), allow={"answer": ANY}),
    "judge": case(lambda: args(Exercise(answer=1.0), 1.0), allow={"answer": ANY}),
}

"""The lab of tieback: methods, recipes, kinds of artifacts and stages that no default uses.

It is an extension (`tieback.core.extensions`): its folders mirror those of the platform, which knows none of
it. A process uses it where TIEBACK_EXTENSIONS names `lab`.
"""

"""Login through django-allauth: throttled, with a second factor, and by the company's single sign-on.

An app of its own, for projects that want it: without it the console has Django's login. What follows a login
(how long it lasts, when a person says again who they are) is the same for both: `admin.sessions`.
"""

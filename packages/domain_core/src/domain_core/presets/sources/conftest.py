from domain_core.testing.kaggle_case import kaggle_home as kaggle_home
from domain_core.testing.kaggle_case import kaggle_server as kaggle_server
